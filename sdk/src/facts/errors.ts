/** `hindsight.error`: what broke in the page, and `hindsight.console`: what it says. Both bounded per minute. */
import { describe, scrubText } from '../privacy/text';
import { listen, wrap, type Stop, type Watch } from './emit';

const STACK_CHARS = 4_000;
const PER_MINUTE = 60;
const LEVELS = ['error', 'warn', 'info', 'log', 'assert'] as const;

/** At most so many a minute: a loop that complains must not fill the recording. */
export function bounded(perMinute: number, now: () => number = Date.now): () => boolean {
  let minute = 0;
  let count = 0;
  return () => {
    const current = Math.floor(now() / 60_000);
    if (current !== minute) count = 0;
    minute = current;
    return count++ < perMinute;
  };
}

export function watchErrors(watch: Watch): Stop {
  const may = bounded(PER_MINUTE);
  const tell = (thrown: unknown, message: string): void => {
    if (!may()) return;
    const stack = thrown instanceof Error && typeof thrown.stack === 'string' ? thrown.stack : '';
    watch.say('error', { message: scrubText(message), stack: scrubText(stack, STACK_CHARS) });
  };
  return listen(window, ['error', 'unhandledrejection'], (event) => {
    if ('reason' in event) tell(event.reason, describe(event.reason));
    // Resources that fail to load come here, too, without a message: the network facts have them.
    else if ('message' in event) tell((event as ErrorEvent).error, String(event.message));
  });
}

export function watchConsole(watch: Watch): Stop {
  const may = bounded(PER_MINUTE);
  let inside = false;
  const say = (level: string, values: unknown[]): void => {
    // Something that is said while we describe something said would never end.
    if (inside || !may()) return;
    inside = true;
    try {
      watch.say('console', { level, message: scrubText(values.slice(0, 10).map(describe).join(' ')) });
    } catch {
      // Never the page's problem.
    } finally {
      inside = false;
    }
  };
  const stops = LEVELS.map((level) =>
    wrap(console, level, (before) => (...values: unknown[]) => {
      if (level !== 'assert' || !values[0]) say(level, level === 'assert' ? values.slice(1) : values);
      (before as (...args: unknown[]) => void).apply(console, values);
    }),
  );
  return () => {
    stops.forEach((stop) => {
      stop();
    });
  };
}
