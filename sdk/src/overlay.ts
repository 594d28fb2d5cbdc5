/**
 * `?hindsight_debug=1`: a box that says what is recorded and why not. In a closed shadow root, so the page's styles
 * don't reach it; blocked, so it isn't part of the recording.
 */
import type { Status } from './visit';

const LOOK =
  'position:fixed;right:8px;bottom:8px;z-index:2147483647;max-width:90vw;padding:8px;margin:0;border-radius:6px;font:12px/1.4 monospace;background:#111;color:#eee;white-space:pre-wrap';

export function showOverlay(status: () => Partial<Status> & { state: string; why: string }): void {
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
export function describe(status: Partial<Status> & { state: string; why: string }): string {
  const { state, why, lost, ...rest } = status;
  const lines = Object.entries(rest).map(([name, value]) => `${name}: ${String(value)}`);
  const gone = Object.entries(lost ?? {}).map(([reason, events]) => `lost (${reason}): ${String(events)}`);
  return [`hindsight: ${state}${why ? ` (${why})` : ''}`, ...lines, ...gone].join('\n');
}
