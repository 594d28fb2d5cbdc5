import { expect, it } from 'vitest';
import { isSessionId, sessionId, shareOf, tabId, timeOf } from './identity';

it('makes session ids that are UUIDv7 and carry their time', () => {
  const at = 1_795_000_000_123;
  const id = sessionId(at);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(timeOf(id)).toBe(at);
  expect(isSessionId(id)).toBe(true);
  expect(isSessionId('00000000-0000-4000-8000-000000000000')).toBe(false);
});

it('samples evenly, with one answer per session', () => {
  const ids = Array.from({ length: 4_000 }, () => sessionId(0));
  const share = ids.filter((id) => shareOf(id) < 0.25).length / ids.length;
  expect(share).toBeGreaterThan(0.2);
  expect(share).toBeLessThan(0.3);
  expect(shareOf(ids[0] ?? '')).toBe(shareOf(ids[0] ?? ''));
});

it('gives each document load a tab of its own, in the form that the edge takes', () => {
  const tabs = new Set(Array.from({ length: 100 }, () => tabId('abcd1234')));
  expect(tabs.size).toBe(100);
  for (const tab of tabs) expect(tab).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
});
