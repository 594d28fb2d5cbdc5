import { expect, it } from 'vitest';
import { sessionId } from '../transport/identity';
import { readLink, withLink } from './link';
import { isRecorded } from './pages';
import { isOtherUser, overBy, readSession, type Session } from './session';

const MINUTE = 60_000;
const LIMITS = { idleMs: 30 * MINUTE, longestMs: 720 * MINUTE };
const NOW = 1_795_000_000_000;
const session = (more: Partial<Session> = {}): Session => ({
  id: sessionId(NOW),
  startedAt: NOW,
  lastAt: NOW,
  ...more,
});

it('ends a visit by idleness, length, business or a clock that was set', () => {
  const cases: [Partial<Session>, number, string | undefined][] = [
    [{}, 0, undefined],
    [{}, 30 * MINUTE, undefined],
    [{}, 30 * MINUTE + 1, 'idle'],
    [{ lastAt: NOW + 719 * MINUTE }, 720 * MINUTE, undefined],
    [{ lastAt: NOW + 719 * MINUTE }, 721 * MINUTE, 'longest'],
    [{ ended: true }, 0, 'ended'],
    [{ startedAt: NOW + 1e10 }, 0, 'clock'],
  ];
  for (const [more, after, why] of cases) expect(overBy(session(more), NOW + after, LIMITS)).toBe(why);
  expect(overBy(undefined, NOW, LIMITS)).toBe('none');
});

it('takes only a session that is one from storage', () => {
  expect(readSession(session())).toEqual(session({ id: expect.any(String) as unknown as string }));
  for (const odd of [
    undefined,
    null,
    'x',
    7,
    {},
    { ...session(), id: '../../x' },
    { ...session(), lastAt: 'now' },
  ]) {
    expect(readSession(odd)).toBeUndefined();
  }
});

it('knows another user from the first one of a visit', () => {
  expect(isOtherUser(session(), 'u-1')).toBe(false);
  expect(isOtherUser(session({ userId: 'u-1' }), 'u-1')).toBe(false);
  expect(isOtherUser(session({ userId: 'u-1' }), 'u-2')).toBe(true);
});

it('carries a visit in an address, for as long as it may be idle', () => {
  const { id } = session();
  const link = withLink('/pay?x=1#top', 'https://shop.example/cart', id, NOW);
  expect(readLink(link, NOW + MINUTE, LIMITS.idleMs)).toEqual({
    session: id,
    rest: 'https://shop.example/pay?x=1#top',
  });
  expect(readLink(link, NOW + 31 * MINUTE, LIMITS.idleMs)).toEqual({
    session: undefined,
    rest: 'https://shop.example/pay?x=1#top',
  });
  expect(readLink('https://a/?hindsight_link=evil.0', NOW, LIMITS.idleMs)?.session).toBeUndefined();
  expect(readLink('https://a/?x=1', NOW, LIMITS.idleMs)).toBeUndefined();
  expect(withLink('http://[', 'https://a', id, NOW)).toBe('http://[');
});

it('records the pages that are listed', () => {
  const check = (url: string, pages: string[], except: string[] = []): boolean =>
    isRecorded(url, pages, except);
  expect(check('https://shop.example/cart?x=1#y', ['*'])).toBe(true);
  expect(check('https://shop.example/cart', ['/cart*'])).toBe(true);
  expect(check('https://shop.example/admin/users', ['*'], ['/admin/*'])).toBe(false);
  expect(check('https://shop.example/cart', ['https://shop.example/*'])).toBe(true);
  expect(check('https://evil.example/?https://shop.example/', ['https://shop.example/*'])).toBe(false);
  expect(check('https://shop.example/order/17', [String.raw`re:/order/\d+$`])).toBe(true);
  expect(check('https://shop.example/cart', ['re:('])).toBe(false);
  expect(check('https://shop.example/cart', [])).toBe(false);
});
