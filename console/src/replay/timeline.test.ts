import { describe, expect, it } from 'vitest';
import type { Marker } from '../api/types';
import { bars, cluster, currentIndex, kindOf, percent } from './timeline';

const marker = (kind: string, offset_ms: number, more: Partial<Marker> = {}): Marker => ({
  kind,
  offset_ms,
  at_ms: offset_ms,
  ...more,
});

describe('kindOf', () => {
  it('counts console errors and failed requests as errors, and nothing else of them', () => {
    expect(kindOf(marker('console', 0, { level: 'error' }))).toBe('error');
    expect(kindOf(marker('console', 0, { level: 'warn' }))).toBe('other');
    expect(kindOf(marker('network', 0, { status: 502 }))).toBe('error');
    expect(kindOf(marker('network', 0, { status: 200 }))).toBe('other');
    expect(kindOf(marker('rage_click', 0))).toBe('click');
    expect(kindOf(marker('gap', 0))).toBe('gap');
  });
});

describe('cluster', () => {
  it('joins neighbours of one kind only', () => {
    const found = cluster(
      [marker('click', 1), marker('click', 2), marker('error', 2), marker('click', 90)],
      100,
      10,
    );
    expect(found.map(({ kind, markers }) => [kind, markers.length])).toEqual([
      ['click', 2],
      ['error', 1],
      ['click', 1],
    ]);
  });
  it('is bounded by kinds and slots', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => marker('click', at));
    expect(cluster(many, 10_000, 50).length).toBeLessThanOrEqual(51);
  });
});

it('currentIndex finds the last at or before', () => {
  const list = [10, 20, 20, 30].map((offset_ms) => ({ offset_ms }));
  expect([0, 10, 19, 20, 99].map((at) => currentIndex(list, at))).toEqual([-1, 0, 0, 2, 3]);
});

it('percent stays on the line', () => {
  expect([percent(-5, 100), percent(50, 100), percent(500, 100), percent(5, 0)]).toEqual([0, 50, 100, 0]);
});

it('bars count from the start of the session', () => {
  expect(bars([{ from_ms: 1050, to_ms: 1100 }], 1000, 200)).toEqual([{ left: 25, width: 25 }]);
});
