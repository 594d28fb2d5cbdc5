import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Options } from '../src/host';
import { Recorder } from '../src/recorder';
import { FakeHost, tap } from './fakeHost';

const NOW = Date.parse('2026-11-25T12:00:00Z');
const DOOR = { server: 'https://h.example/', key: 'hs_app_1', source: 'shop-mini' };
const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Launch {
  host: FakeHost;
  recorder: Recorder;
}

/** A launch of the mini-program; `storage` is what an earlier one left. */
async function launch(
  recording: Record<string, unknown> = {},
  storage?: Map<string, unknown>,
): Promise<Launch> {
  const host = new FakeHost(storage);
  host.recording = recording;
  const recorder = new Recorder(host.world);
  recorder.start(DOOR);
  await settle();
  return { host, recorder };
}

it('records pages, taps, inputs without values, requests and errors', async () => {
  const { host, recorder } = await launch();
  const page: Options = {
    onPay: vi.fn(() => 'theirs'),
    onName: vi.fn(),
    onScroll: vi.fn(),
  };
  host.visit(page, 'pages/cart/cart', { order: 'O-17', card: '4111' });
  const self = {};
  const event = tap('pay');
  expect(host.call(page, 'onPay', self, event)).toBe('theirs');
  host.call(page, 'onName', self, { ...tap('name'), type: 'input', detail: { value: 'Zx81secret' } });
  host.call(page, 'onScroll', self, { scrollTop: 5 });
  host.world.host.request({
    url: 'https://shop.example/api/pay?card=4111',
    method: 'post',
    data: 'Zx81secret',
  });
  await settle();
  host.errors[0]?.('TypeError: no price of li@a.example\nat pay (app.js:3)');
  recorder.reference('order', 'O-17');
  await settle(2_000);

  expect(host.facts('start')[0]).toMatchObject({ source: 'shop-mini', screen: '375x812', language: 'zh_CN' });
  expect(host.facts('page')).toEqual([{ title: '', url: '/pages/cart/cart?order=*&card=*' }]);
  expect(host.facts('click')).toEqual([{ selector: '#pay', text: '', x: 10, y: 20 }]);
  expect(host.facts('input')).toEqual([{ selector: '#name' }]);
  expect(host.facts('network')).toEqual([
    { method: 'POST', url: 'https://shop.example/api/pay?card=*', status: 200, duration_ms: 0 },
  ]);
  expect(host.facts('error')[0]?.['message']).toBe('TypeError: no price of *');
  expect(host.facts('reference')).toEqual([{ type: 'order', id: 'O-17' }]);
  const own = host.events().filter(({ type }) => type === 3);
  expect(own.map(({ data }) => data)).toEqual([
    { source: 2, type: 2, id: 0, x: 10, y: 20 },
    { source: 5, id: 0, text: '', isChecked: false },
  ]);
  expect(JSON.stringify(host.taken)).not.toMatch(/Zx81secret|4111/);
});

it('hears what uni-app and components hand over, and a bubbling tap once', async () => {
  const { host } = await launch();
  const methods: Options = { __e: vi.fn(), onRow: vi.fn() };
  host.world.Component?.({ methods });
  const eventOpts = [['tap', [['addToCart', ['$event']]]]];
  const bubbling = tap('', { currentTarget: { dataset: { eventOpts, hindsight: 'Add' } }, timeStamp: 7 });
  host.call(methods, '__e', {}, bubbling);
  host.call(methods, 'onRow', {}, bubbling);
  host.call(methods, 'onShow', { route: 'pages/list/list' });
  host.call(methods, 'onRow', {}, { ...tap('slides'), type: 'change', detail: { source: 'autoplay' } });
  await settle(2_000);
  expect(host.facts('click')).toEqual([{ selector: '[bindtap="addToCart"]', text: 'Add', x: 10, y: 20 }]);
  expect(host.facts('page').map(({ url }) => url)).toEqual(['/pages/list/list']);
  expect(host.facts('input')).toEqual([]);
});

it('records the pages of uni-app outside WeChat by its mixin, and leaves its promises alone', async () => {
  const host = new FakeHost();
  Object.assign(host.world, { App: undefined, Page: undefined, Component: undefined, answersPromises: true });
  const answer = { statusCode: 404 };
  const own = host.world.host.request;
  Object.defineProperty(host.world.host, 'request', {
    configurable: true,
    value: (options: Parameters<typeof own>[0]) =>
      options.success ? own(options) : Promise.resolve([null, answer]),
  });
  const recorder = new Recorder(host.world);
  recorder.start(DOOR);
  await settle();
  host.open.push({ route: 'pages/home/home' });
  recorder.mixin().onShow();
  expect(await host.world.host.request({ url: 'https://shop.example/api' })).toEqual([null, answer]);
  await settle(2_000);
  expect(host.facts('page').map(({ url }) => url)).toEqual(['/pages/home/home']);
  expect(host.facts('network')[0]).toMatchObject({ status: 404, method: 'GET' });
});

it('lets what a page throws be the page’s, and says a failed request', async () => {
  const { host } = await launch();
  host.own = () => undefined;
  const page: Options = {
    onPay: () => {
      throw new RangeError('mine');
    },
  };
  host.visit(page, 'pages/a/a');
  expect(() => host.call(page, 'onPay', {}, tap('pay'))).toThrow(RangeError);
  const complete = vi.fn();
  host.world.host.request({ url: 'https://shop.example/', complete });
  await settle(2_000);
  expect(complete).toHaveBeenCalledOnce();
  expect(host.facts('network')[0]).toMatchObject({ status: 0 });
});

it('traces requests to origins that the project names, and no others', async () => {
  const { host, recorder } = await launch({ trace_origins: ['https://shop.example'] });
  host.world.host.request({ url: 'https://shop.example/api', header: { own: '1' } });
  host.world.host.request({ url: 'https://shop.example.evil/api' });
  await settle(2_000);
  const [traced, plain] = host.asked.filter(({ url }) => url.endsWith('/api'));
  const trace = String(host.facts('network')[0]?.['trace_id']);
  expect(traced?.header).toMatchObject({ own: '1', traceparent: expect.stringContaining(trace) as string });
  expect(traced?.header?.['baggage']).toContain(
    `hindsight.session=${recorder.session_id ?? '-'},hindsight.tab=`,
  );
  expect(plain?.header).toBeUndefined();
});

it('numbers without a hole, repeats the same bytes, and the next launch sends what this one could not', async () => {
  const { host, recorder } = await launch();
  host.reply = () => undefined;
  recorder.track('first');
  await settle(1_500);
  recorder.track('second');
  await settle(8_000);
  const posts = host.asked.filter(({ url }) => url.includes('/v1/recordings/'));
  expect(posts.length).toBeGreaterThan(2);
  expect(new Set(posts.map(({ data }) => data)).size).toBe(1);
  expect(recorder.status()).toMatchObject({ level: 1, why: 'server away' });
  const session = recorder.session_id;

  const next = await launch({}, host.storage);
  await settle(5_000);
  expect(next.host.facts('track').map(({ name }) => name)).toEqual(['first', 'second']);
  expect(next.recorder.session_id).toBe(session);
  const tabs = [...new Set(next.host.taken.map(({ tab }) => tab))];
  expect(tabs.length).toBe(2);
  for (const tab of tabs) {
    const seqs = next.host.taken.filter((sent) => sent.tab === tab).map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => index));
  }
  expect([...host.storage.keys()].filter((key) => key.startsWith('hindsight.packet.'))).toEqual([]);
});

it('sends what is open when the app goes to the back', async () => {
  const { host, recorder } = await launch({ flush_every_ms: 60_000 });
  const app: Options = {};
  host.world.App?.(app);
  host.world.host.request({ url: 'https://shop.example/' });
  await settle(100);
  expect(host.facts('network')).toEqual([]);
  host.call(app, 'onHide', {});
  await settle();
  expect(host.facts('network').length).toBe(1);
  expect(recorder.status().waiting).toBe(0);
});

it('begins another session after 30 idle minutes and for another user, each with its page', async () => {
  const { host, recorder } = await launch();
  const page: Options = { onTap: vi.fn() };
  host.visit(page, 'pages/a/a');
  recorder.identify({ user_id: 'u-1', user_name: 'li' });
  const first = recorder.session_id;
  await settle(31 * 60_000);
  host.call(page, 'onTap', {}, tap('x'));
  const second = recorder.session_id;
  recorder.identify('u-2');
  recorder.identify('u-3');
  await settle(2_000);
  expect(new Set([first, second, recorder.session_id]).size).toBe(3);
  const of = (session: string | undefined): string =>
    JSON.stringify(host.taken.filter((sent) => sent.session === session));
  for (const session of [first, second, recorder.session_id]) expect(of(session)).toContain('/pages/a/a');
  expect(of(second)).not.toContain('u-1');
});

it('asks nothing and keeps nothing before consent, and forgets all when it is taken back', async () => {
  const host = new FakeHost();
  const recorder = new Recorder(host.world);
  recorder.start({ ...DOOR, consent: 'required' });
  const page: Options = { onTap: vi.fn() };
  host.visit(page, 'pages/a/a');
  host.call(page, 'onTap', {}, tap('before'));
  await settle(5_000);
  expect([host.asked, recorder.status().why]).toEqual([[], 'no consent yet']);
  recorder.consent('granted');
  await settle(2_000);
  expect(host.facts('page').map(({ url }) => url)).toEqual(['/pages/a/a']);
  expect(host.facts('click')).toEqual([]);
  expect(host.facts('start')[0]).toMatchObject({ consent: 'granted' });
  recorder.consent('denied');
  const asked = host.asked.length;
  host.call(page, 'onTap', {}, tap('after'));
  await settle(5_000);
  expect([host.asked.length, recorder.session_id]).toEqual([asked, undefined]);
  expect([...host.storage.keys()].filter((key) => /session|device|packet\.|consent/.test(key))).toEqual([]);
});

it('records the pages that are asked for, and only facts of the business elsewhere', async () => {
  const { host, recorder } = await launch({ except_pages: ['/pages/admin/*'] });
  const page: Options = { onTap: vi.fn() };
  host.visit(page, 'pages/admin/users');
  host.call(page, 'onTap', {}, tap('x'));
  recorder.track('told');
  await settle(2_000);
  expect([host.facts('page'), host.facts('click'), host.facts('track').length]).toEqual([[], [], 1]);
});

it('sends nothing without an error where only errors are wanted, then what led to it', async () => {
  const { host, recorder } = await launch({ only_errors: true });
  recorder.track('before');
  await settle(10_000);
  expect(host.taken).toEqual([]);
  host.errors[0]?.(new Error('boom'));
  await settle(2_000);
  expect([host.facts('track').length, host.facts('error')[0]?.['message']]).toEqual([1, 'Error: boom']);
});

it('bounds what waits for an error: the oldest goes', async () => {
  const { host, recorder } = await launch({ only_errors: true });
  for (let n = 0; n < 100; n++) recorder.track(`t-${String(n)}`, { text: 'x'.repeat(8_000) });
  host.errors[0]?.(new Error('boom'));
  await settle(10_000);
  const names = host.facts('track').map(({ name }) => name);
  expect(names.at(-1)).toBe('t-99');
  expect(names.length).toBeGreaterThan(50);
  expect(JSON.stringify(host.facts('track')).length).toBeLessThan(500_000);
});

it('sends nothing of a visit that was too short once a later one is worth keeping, and counts it', async () => {
  const { host, recorder } = await launch({ minimum_duration_ms: 60_000 });
  recorder.identify('u-1');
  recorder.track('short');
  await settle(5_000);
  const short = recorder.session_id;
  recorder.identify('u-2');
  recorder.track('long');
  await settle(65_000);
  expect(host.facts('track').map(({ name }) => name)).toEqual(['long']);
  expect(host.taken.filter(({ session }) => session === short)).toEqual([]);
  // The start, who it was, and what was told.
  expect(recorder.status()).toMatchObject({ lost: { too_short: 3 }, waiting: 0 });
});

it('counts a visit that was ended, or left, before it was worth keeping', async () => {
  const left = await launch({ minimum_duration_ms: 60_000 });
  left.recorder.track('left');
  await settle(5_000);
  const stored = structuredClone(left.host.storage);
  // The process ends with its timers.
  vi.clearAllTimers();
  vi.setSystemTime(Date.now() + 31 * 60_000);
  const next = await launch({ minimum_duration_ms: 60_000 }, stored);
  await settle(2_000);
  expect(next.recorder.status().lost).toEqual({ too_short: 2 });
  next.recorder.end('paid');
  await settle(65_000);
  // Beside it the start of this one and its end.
  expect(next.recorder.status().lost).toEqual({ too_short: 4 });
  expect([...left.host.taken, ...next.host.taken]).toEqual([]);
  expect([...stored.keys()].filter((key) => key.startsWith('hindsight.packet.'))).toEqual([]);
});

it('sends in a later launch what was released and met no server', async () => {
  const { host, recorder } = await launch({ minimum_duration_ms: 3_000 });
  host.reply = () => undefined;
  recorder.track('worth it');
  await settle(6_000);
  const storage = structuredClone(host.storage);
  // The process ends with its timers.
  vi.clearAllTimers();
  vi.setSystemTime(Date.now() + 31 * 60_000);
  const next = await launch({ minimum_duration_ms: 3_000 }, storage);
  await settle(1_000);
  expect(next.host.facts('track').map(({ name }) => name)).toEqual(['worth it']);
  expect(next.recorder.status().lost).toEqual({});
});

it('stops for a wrong key, leaves out what is refused, and obeys the level', async () => {
  const { host, recorder } = await launch();
  host.reply = () => ({ statusCode: 413, data: { reason: 'too_large' } });
  recorder.track('lost');
  await settle(60_000);
  // A server that refuses what is said about its refusals isn't told for ever.
  expect(recorder.status().lost).toEqual({ too_large: 5 });
  recorder.track('taken');
  host.reply = () => ({ statusCode: 202, data: { accepted: 1, level: 'L0', now_ms: Date.now() } });
  await settle(2_000);
  expect(host.facts('track')).toEqual([{ name: 'taken', properties: {} }]);
  expect(recorder.status()).toMatchObject({ level: 0, why: 'server' });
  host.reply = () => ({ statusCode: 403, data: { reason: 'wrong_key_kind' } });
  recorder.track('refused');
  await settle(2_000);
  expect(recorder.status()).toMatchObject({ state: 'off', why: 'wrong_key_kind' });
});

it('makes the session’s id with the server’s time under a clock that is wrong by years', async () => {
  vi.setSystemTime(Date.parse('2001-01-01T00:00:00Z'));
  const host = new FakeHost();
  const recorder = new Recorder(host.world);
  Object.defineProperty(host.world.host, 'request', {
    configurable: true,
    value: ({ success }: Parameters<typeof host.world.host.request>[0]) =>
      success?.({ statusCode: 200, data: { recording: {}, now_ms: NOW } }),
  });
  const other = new Recorder(host.world);
  other.start(DOOR);
  await settle();
  const at = parseInt((other.session_id ?? '').slice(0, 13).replace('-', ''), 16);
  expect(Math.abs(at - NOW)).toBeLessThan(1_000);
  expect(recorder.session_id).toBeUndefined();
});

it('carries the visit into a web view', async () => {
  const { recorder } = await launch();
  expect(recorder.link('https://shop.example/h5?x=1#top')).toMatch(
    /^https:\/\/shop\.example\/h5\?x=1&hindsight_link=[0-9a-f-]{36}\.[0-9a-z]+#top$/,
  );
});

it('goes on from memory where storage is refused or full, and says so', async () => {
  const host = new FakeHost();
  Object.assign(host.world.host, {
    setStorageSync: () => {
      throw new Error('setStorage:fail exceed storage max size');
    },
    getStorageSync: () => {
      throw new Error('denied');
    },
  });
  const recorder = new Recorder(host.world);
  recorder.start(DOOR);
  await settle();
  recorder.track('kept');
  await settle(2_000);
  expect(host.facts('track').length).toBe(1);
  expect(recorder.status().storage).toContain('exceed storage max size');
});
