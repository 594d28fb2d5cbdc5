/**
 * Which parts of a recording to hold. A window is a run of frames that begins at a keyframe, so the player can start
 * from any window alone; a session up to `MAX_WINDOW_BYTES` is one window. Memory is bounded by two windows: the one
 * that plays and the one that is fetched ahead. Times are Unix milliseconds, `to_ms` exclusive.
 */
import type { Frame, Manifest } from '../api/types';

/** Raw JSON of a window. Parsed and built it takes about eight times that in the tab. */
export const MAX_WINDOW_BYTES = 48 * 1024 * 1024;

export interface Window {
  from_ms: number;
  to_ms: number;
  raw_bytes: number;
  events: number;
}

/** The windows of one tab, in order and without holes; at least one. */
export function planWindows(manifest: Manifest, tab: string, maxBytes = MAX_WINDOW_BYTES): Window[] {
  const facts = manifest.tabs.find((each) => each.tab === tab);
  const from = facts?.from_ms ?? manifest.started_at_ms;
  const to = (facts?.to_ms ?? manifest.started_at_ms + manifest.duration_ms) + 1;
  const frames = (manifest.frames ?? [])
    .filter((frame) => frame.tab === tab)
    .sort((one, other) => one.from_ms - other.from_ms);
  const windows: Window[] = [];
  for (const frame of frames) extend(windows, frame, maxBytes);
  const first = windows[0];
  const last = windows.at(-1);
  if (!first || !last) return [{ from_ms: from, to_ms: to, raw_bytes: 0, events: facts?.events ?? 0 }];
  first.from_ms = Math.min(first.from_ms, from);
  windows.forEach((window, index) => {
    window.to_ms = windows[index + 1]?.from_ms ?? Math.max(window.to_ms, to);
  });
  return windows;
}

function extend(windows: Window[], frame: Frame, maxBytes: number): void {
  const bytes = frame.raw_bytes ?? 0;
  const open = windows.at(-1);
  if (open && (!frame.keyframe || open.raw_bytes + bytes <= maxBytes)) {
    open.raw_bytes += bytes;
    open.events += frame.events ?? 0;
    open.to_ms = Math.max(open.to_ms, frame.to_ms + 1);
  } else {
    windows.push({
      from_ms: frame.from_ms,
      to_ms: frame.to_ms + 1,
      raw_bytes: bytes,
      events: frame.events ?? 0,
    });
  }
}

/** The index of the window that shows `at_ms`; times before the first or after the last take the nearest. */
export function windowAt(windows: Window[], at_ms: number): number {
  const index = windows.findIndex((window) => at_ms < window.to_ms);
  return index < 0 ? windows.length - 1 : index;
}
