/**
 * `hindsight.vital`: TTFB, FCP, LCP, CLS and INP, told once, when the page is hidden first (web.dev/vitals).
 *
 * INP is the longest interaction that was seen (the definition leaves out one in fifty).
 */
import type { Stop, Watch } from './emit';

interface Shift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
}

type Interaction = PerformanceEntry & { interactionId?: number };

export interface Vitals {
  stop: Stop;
  tell: () => void;
}

export function watchVitals(watch: Watch): Vitals {
  const values: Record<string, number> = {};
  let window = { from: 0, last: 0, sum: 0 };
  const shift = ({ startTime, value, hadRecentInput }: Shift): void => {
    if (hadRecentInput) return;
    // The worst run of shifts less than 1 s apart and 5 s long.
    const goesOn = startTime - window.last < 1_000 && startTime - window.from < 5_000;
    window = goesOn
      ? { ...window, last: startTime, sum: window.sum + value }
      : { from: startTime, last: startTime, sum: value };
    values['CLS'] = Math.max(values['CLS'] ?? 0, window.sum);
  };
  const seen: Record<string, (entry: PerformanceEntry) => void> = {
    paint: (entry) => {
      if (entry.name === 'first-contentful-paint') values['FCP'] = entry.startTime;
    },
    'largest-contentful-paint': (entry) => {
      values['LCP'] = entry.startTime;
    },
    'layout-shift': (entry) => {
      shift(entry as Shift);
    },
    event: (entry) => {
      if ((entry as Interaction).interactionId) values['INP'] = Math.max(values['INP'] ?? 0, entry.duration);
    },
    navigation: (entry) => {
      values['TTFB'] = (entry as PerformanceNavigationTiming).responseStart;
    },
  };
  const observers = Object.entries(seen).flatMap(([type, see]) => observe(type, see));
  const stop = (): void => {
    observers.forEach(({ observer }) => {
      observer.disconnect();
    });
  };
  let told = false;
  const tell = (): void => {
    if (told) return;
    told = true;
    // What the browser has measured and not handed over yet: a busy page is left before it is.
    for (const { observer, see } of observers) observer.takeRecords().forEach(see);
    for (const name of Object.keys(values)) {
      watch.say('vital', { name, value: Math.round((values[name] ?? 0) * 1000) / 1000 });
    }
  };
  return { stop, tell };
}

interface Observed {
  observer: PerformanceObserver;
  see: (entry: PerformanceEntry) => void;
}

/** One observer, or none in a browser that doesn't measure it. */
function observe(type: string, see: Observed['see']): Observed[] {
  try {
    const observer = new PerformanceObserver((list) => {
      list.getEntries().forEach(see);
    });
    observer.observe({
      type,
      buffered: true,
      ...(type === 'event' && { durationThreshold: 40 }),
    } as PerformanceObserverInit);
    return [{ observer, see }];
  } catch {
    return [];
  }
}
