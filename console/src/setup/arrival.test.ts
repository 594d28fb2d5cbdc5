import { expect, it } from 'vitest';
import type { AcceptedCall, KeyList, RefusedCall } from '../api/types';
import { arrival, baseline } from './arrival';

const at = (second: number): string => `2026-11-22T12:00:0${String(second)}.000000Z`;
const kept = (second: number): AcceptedCall => ({
  received_at: at(second),
  origin: 'https://shop.example',
  session_id: 's',
});
const refusal = (second: number, reason: string): RefusedCall => ({
  received_at: at(second),
  origin: 'https://shop.example',
  reason,
  title: reason,
  detail: reason,
});

function list(
  accepted: AcceptedCall | null,
  refused: RefusedCall | null,
  unknown: RefusedCall | null = null,
): KeyList {
  const calls = { last_accepted: accepted, last_refused: refused };
  return {
    items: [
      { id: 'browser', kind: 'browser', project: 'demo', key: 'k', ...calls },
      { id: 'server', kind: 'server', project: 'demo', key: null, last_accepted: kept(9) },
    ],
    next: null,
    unknown_refused: unknown,
    watched: true,
  };
}

const nothing = baseline(list(null, null));

it('waits for a call that comes after the page was opened', () => {
  expect(arrival(list(null, null), nothing).state).toBe('waiting');
  const before = list(kept(1), null);
  expect(arrival(before, baseline(before))).toMatchObject({ state: 'waiting', accepted: kept(1) });
  expect(arrival(list(kept(2), null), baseline(before)).state).toBe('received');
});

it('tells the last refusal until something is kept', () => {
  const wrong = refusal(2, 'wrong_origin');
  expect(arrival(list(kept(1), wrong), nothing)).toMatchObject({ state: 'refused', refused: wrong });
  expect(arrival(list(kept(3), wrong), nothing)).toMatchObject({ state: 'received', refused: null });
});

it('tells of an unknown key only what came since', () => {
  const mistyped = refusal(4, 'unknown_key');
  expect(arrival(list(null, null, mistyped), nothing)).toMatchObject({ state: 'refused', refused: mistyped });
  const old = list(null, refusal(1, 'wrong_origin'), mistyped);
  expect(arrival(old, baseline(old)).refused?.reason).toBe('wrong_origin');
});
