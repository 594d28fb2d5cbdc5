import { describe, expect, it } from 'vitest';
import type { Frame, Manifest } from '../api/types';
import { planWindows, windowAt } from './windows';

const frame = (from_ms: number, raw_bytes: number, keyframe: boolean, tab = 'a'): Frame => ({
  frame: from_ms,
  tab,
  from_ms,
  to_ms: from_ms + 9,
  keyframe,
  raw_bytes,
  events: 10,
});
const manifest = (frames: Frame[]): Manifest => ({
  session: {} as Manifest['session'],
  tabs: [{ tab: 'a', from_ms: 0, to_ms: 100, events: 50 }],
  frames,
  state: 'complete',
  started_at_ms: 0,
  duration_ms: 100,
});

describe('planWindows', () => {
  it('makes one window of a small recording', () => {
    const windows = planWindows(manifest([frame(0, 5, true), frame(10, 5, true)]), 'a', 100);
    expect(windows).toEqual([{ from_ms: 0, to_ms: 101, raw_bytes: 10, events: 20 }]);
  });

  it('cuts only at keyframes, and leaves no hole', () => {
    const frames = [frame(0, 60, true), frame(10, 60, false), frame(20, 60, true), frame(40, 10, true)];
    const windows = planWindows(manifest(frames), 'a', 100);
    expect(windows.map(({ from_ms, to_ms }) => [from_ms, to_ms])).toEqual([
      [0, 20],
      [20, 101],
    ]);
  });

  it('falls to one window where the manifest lists no frames of the tab', () => {
    expect(planWindows(manifest([frame(0, 5, true, 'b')]), 'a')).toEqual([
      { from_ms: 0, to_ms: 101, raw_bytes: 0, events: 50 },
    ]);
  });
});

it('windowAt takes the nearest window for times outside', () => {
  const windows = planWindows(manifest([frame(0, 60, true), frame(50, 60, true)]), 'a', 100);
  expect([-5, 0, 49, 50, 100, 900].map((at) => windowAt(windows, at))).toEqual([0, 0, 0, 1, 1, 1]);
});
