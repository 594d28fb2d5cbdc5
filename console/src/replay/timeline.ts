/**
 * Where things stand on the timeline. Offsets are milliseconds from the session's start; places are percent of its
 * length. Pure: the components only draw what is worked out here.
 */
import type { Marker } from '../api/types';

/** The lanes of the timeline and the filters of the inspector. */
export const KINDS = ['page', 'click', 'input', 'error', 'audit', 'gap', 'other'] as const;
export type Kind = (typeof KINDS)[number];

const KIND_OF: Record<string, Kind> = {
  page: 'page',
  navigate: 'page',
  click: 'click',
  rage_click: 'click',
  dead_click: 'click',
  input: 'input',
  error: 'error',
  audit: 'audit',
  gap: 'gap',
};

export function kindOf(marker: Marker): Kind {
  if (marker.kind === 'console')
    return marker.level === 'error' || marker.level === undefined ? 'error' : 'other';
  if (marker.kind === 'network' || marker.kind === 'request')
    return (marker.status ?? 500) >= 400 ? 'error' : 'other';
  return KIND_OF[marker.kind] ?? 'other';
}

export function percent(offset_ms: number, duration_ms: number): number {
  if (duration_ms <= 0) return 0;
  return Math.min(100, Math.max(0, (offset_ms / duration_ms) * 100));
}

export interface Cluster {
  kind: Kind;
  percent: number;
  markers: Marker[];
}

/**
 * Markers of one kind that would be drawn on top of each other become one, drawn at the first's place. `slots` is how
 * many marks fit side by side, so the number of marks is bounded whatever the recording holds.
 */
export function cluster(markers: Marker[], duration_ms: number, slots: number): Cluster[] {
  const open = new Map<string, Cluster>();
  for (const marker of markers) {
    const kind = kindOf(marker);
    const place = percent(marker.offset_ms, duration_ms);
    const key = `${kind}:${String(Math.floor((place / 100) * slots))}`;
    const found = open.get(key);
    if (found) found.markers.push(marker);
    else open.set(key, { kind, percent: place, markers: [marker] });
  }
  return [...open.values()];
}

/** The index of the last marker at or before `offset_ms`, -1 before the first. Markers are in order of time. */
export function currentIndex(markers: { offset_ms: number }[], offset_ms: number): number {
  let low = 0;
  let high = markers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const marker = markers[middle];
    if (marker && marker.offset_ms <= offset_ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Absolute intervals (gaps, inactivity) as bars; a bar is never thinner than can be seen. */
export function bars(
  intervals: { from_ms: number; to_ms: number }[],
  started_at_ms: number,
  duration_ms: number,
): { left: number; width: number }[] {
  return intervals.map(({ from_ms, to_ms }) => {
    const left = percent(from_ms - started_at_ms, duration_ms);
    return { left, width: Math.max(0.25, percent(to_ms - started_at_ms, duration_ms) - left) };
  });
}
