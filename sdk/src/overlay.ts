/**
 * `?hindsight_debug=1`: a box that says what is recorded and why not. In a closed shadow root, so the page's styles
 * don't reach it; blocked, so it isn't part of the recording.
 */
import type { Status } from './visit';

const LOOK =
  'position:fixed;right:8px;bottom:8px;z-index:2147483647;max-width:90vw;padding:8px;margin:0;border-radius:6px;font:12px/1.4 monospace;background:#111;color:#eee;white-space:pre-wrap';

type Shown = Partial<Status> & { state: string; why: string; tags?: number };

export function showOverlay(status: () => Shown): void {
  const draw = (): void => {
    if (document.querySelector('[data-hindsight-overlay]')) return;
    const host = document.createElement('div');
    host.setAttribute('data-hindsight-block', '');
    host.setAttribute('data-hindsight-overlay', '');
    const box = document.createElement('pre');
    box.style.cssText = LOOK;
    host.attachShadow({ mode: 'closed' }).append(box);
    document.body.append(host);
    const tick = (): void => {
      box.textContent = describe(status());
    };
    tick();
    setInterval(tick, 1_000);
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', draw);
  else draw();
}

/** The box's text. */
export function describe(status: Shown): string {
  const { state, why, lost, aheadMs, tags = 1, ...rest } = status;
  const lines = Object.entries(rest).map(([name, value]) => `${name}: ${String(value)}`);
  const off = clockFault(aheadMs ?? 0);
  if (off) lines.push(off);
  if (tags > 1) lines.push(`loaded: ${String(tags)} times, the first counts`);
  const gone = Object.entries(lost ?? {}).map(([reason, events]) => `lost (${reason}): ${String(events)}`);
  return [`hindsight: ${state}${why ? ` (${why})` : ''}`, ...lines, ...gone].join('\n');
}

/** A clock is wrong when people would see it: by a minute. */
function clockFault(aheadMs: number): string {
  const minutes = Math.round(-aheadMs / 60_000);
  if (!minutes) return '';
  const days = Math.round(minutes / 1_440);
  return `clock: wrong by ${days ? `${String(days)} days` : `${String(minutes)} minutes`}`;
}
