import { expect, it } from 'vitest';
import { askedMs, backoffMs, judge } from './answer';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const verdict = (status: number, body: unknown = {}, retryAfter: string | null = null) =>
  judge({ status, body, retryAfter }, 0, 0, NOW);

it('believes only the edge that a batch is kept', () => {
  expect(verdict(202, { accepted: 3, level: 'L2', now_ms: 17 })).toEqual({
    kind: 'kept',
    level: 2,
    nowMs: 17,
  });
  // A captive portal's page, a proxy's empty answer: not ours.
  for (const status of [200, 202, 204, 302]) expect(verdict(status, '<html>').kind).toBe('again');
});

it('tries again what may pass later, gives up what never will', () => {
  for (const status of [0, 408, 429, 500, 502, 503, 504]) expect(verdict(status).kind).toBe('again');
  for (const status of [400, 413, 415, 422]) {
    expect(verdict(status, { reason: 'too_large' })).toEqual({ kind: 'refused', reason: 'too_large' });
  }
  for (const status of [401, 403])
    expect(verdict(status)).toEqual({ kind: 'stop', reason: `http_${String(status)}` });
});

it('begins another session where this one is out of time or erased', () => {
  expect(verdict(422, { reason: 'session_time', now_ms: 5 })).toEqual({
    kind: 'session',
    reason: 'session_time',
    nowMs: 5,
  });
  expect(verdict(410, { reason: 'erased' }).kind).toBe('session');
});

it('waits as long as it is asked to, in seconds or until a date, within bounds', () => {
  expect(verdict(503, {}, '7')).toEqual({ kind: 'again', afterMs: 7_000 });
  expect(askedMs('Mon, 23 Nov 2026 12:00:30 GMT', NOW)).toBe(30_000);
  expect(askedMs('Mon, 23 Nov 2020 12:00:30 GMT', NOW)).toBe(0);
  expect(askedMs('soon', NOW)).toBe(0);
  expect(askedMs('99999999', NOW)).toBe(600_000);
});

it('backs off exponentially with chance, up to a minute', () => {
  expect([0, 1, 2, 3].map((attempt) => backoffMs(attempt, 0))).toEqual([500, 1_000, 2_000, 4_000]);
  expect(backoffMs(0, 0.999)).toBeLessThan(1_000);
  expect(backoffMs(500, 0.999)).toBeLessThanOrEqual(60_000);
});
