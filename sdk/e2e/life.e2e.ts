/** The life of a session, capture levels, consent, sampling: what is recorded when, and told why not. */
import { expect, it } from 'vitest';
import { Site, visitor } from './site';
import { call, hasKeyframe, sessionOf, world } from './world';

const here = world();
const MINUTE = 60_000;

it('goes on over pages and tabs of an origin, each document a tab of its own', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<a href="/two">two</a>');
  site.put('/two', edge.tag(), 'two');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('page one', () => edge.taken.size > 0);
  await page.click('a');
  await edge.until('page two', () => new Set([...edge.taken.values()].map(({ tab }) => tab)).size === 2);
  const other = await context.newPage();
  await other.goto(`${site.url}/two`);
  await edge.until('another tab', () => new Set([...edge.taken.values()].map(({ tab }) => tab)).size === 3);
  const sent = [...edge.taken.values()];
  expect(new Set(sent.map(({ session }) => session)).size).toBe(1);
  const windows = new Set(sent.map(({ tab }) => tab.split('_')[0]));
  expect(windows.size).toBe(2);
  for (const tab of new Set(sent.map((each) => each.tab))) {
    const seqs = sent
      .filter((each) => each.tab === tab)
      .map(({ seq }) => seq)
      .sort((a, b) => a - b);
    expect(seqs).toEqual(seqs.map((_, index) => index));
  }
  await context.close();
});

it('never shares a tab with a duplicate of its window', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), `<button onclick="window.open('/')">duplicate</button>`);
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  // What duplicating does: the copy has the session storage of the first.
  await page.click('button');
  await edge.until('the copy', () => new Set([...edge.taken.values()].map(({ tab }) => tab)).size === 2);
  const tabs = [...new Set([...edge.taken.values()].map(({ tab }) => tab))];
  expect(tabs[0]?.split('_')[0]).toBe(tabs[1]?.split('_')[0]);
  await context.close();
});

it('begins another session after 30 idle minutes, with a keyframe', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<button>go on</button>');
  const { context, page } = await visitor(browser);
  await page.clock.install();
  await page.goto(`${site.url}/`);
  await page.clock.runFor(1_000);
  await edge.until('a keyframe', hasKeyframe);
  const first = await sessionOf(page);
  await page.clock.fastForward(31 * MINUTE);
  await page.click('button');
  await page.clock.runFor(1_000);
  const second = await sessionOf(page);
  expect(second).not.toBe(first);
  await edge.until('a keyframe of the second', () =>
    [...edge.taken.values()].some(
      (sent) => sent.session === second && sent.events.some(({ type }) => type === 2),
    ),
  );
  const seqs = [...edge.taken.values()].filter(({ session }) => session === second).map(({ seq }) => seq);
  expect(Math.min(...seqs)).toBe(0);
  await context.close();
});

it('begins another session for another user, not for the first', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  const anonymous = await sessionOf(page);
  await call(page, 'identify', { user_id: 'u-1', user_name: 'li' });
  expect(await sessionOf(page)).toBe(anonymous);
  await call(page, 'identify', { user_id: 'u-2' });
  const second = await sessionOf(page);
  expect(second).not.toBe(anonymous);
  await edge.until('both users', () => edge.facts('identify').length === 2);
  const of = (session?: string) =>
    [...edge.taken.values()]
      .filter((sent) => sent.session === session)
      .flatMap(({ events }) => JSON.stringify(events))
      .join();
  expect(of(anonymous)).toContain('u-1');
  expect(of(second)).toContain('u-2');
  expect(of(second)).not.toContain('u-1');
  await context.close();
});

it('ends by the business, and records again from the next page on', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<button>x</button>');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  const first = await sessionOf(page);
  await call(page, 'end', 'paid');
  await edge.until('the end', () => edge.facts('end').length > 0);
  expect(edge.facts('end')).toEqual([{ reason: 'paid' }]);
  expect(await sessionOf(page)).toBeUndefined();
  await page.reload();
  await page.waitForFunction('window.hindsight.session_id');
  expect(await sessionOf(page)).not.toBe(first);
  await context.close();
});

it('sends nothing, and asks nothing, before consent; and forgets all when it is taken back', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag('data-consent="required"'), '<input id="i">');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await call(page, 'track', 'before');
  await page.locator('#i').pressSequentially('abc');
  await page.close({ runBeforeUnload: true });
  expect(edge.seen.map(({ path }) => path)).toEqual(['/sdk.js']);
  const next = await context.newPage();
  await next.goto(`${site.url}/`);
  await call(next, 'consent', 'granted');
  await edge.until('a keyframe', hasKeyframe);
  expect(edge.facts('start')[0]).toMatchObject({ consent: 'granted' });
  // What it fetches after its first answer is on its way.
  await edge.until('fflate', ({ seen }) => seen.some(({ path }) => path.endsWith('/flate.js')));
  // What left before consent was taken back may still arrive after that.
  await next.waitForFunction('window.hindsight.status().waiting === 0');
  await call(next, 'consent', 'denied');
  const sent = edge.seen.length;
  await next.locator('#i').pressSequentially('abc');
  await next.reload();
  await next.waitForLoadState('load');
  expect(edge.seen.slice(sent).map(({ path }) => path)).toEqual(['/sdk.js']);
  expect(
    await next.evaluate('Object.keys(localStorage).filter((key) => /session|device|consent/.test(key))'),
  ).toEqual([]);
  await context.close();
});

it('records a share of the sessions, and says so', async () => {
  const { edge, site, browser } = here;
  edge.recording = { sample: 0 };
  site.put('/', edge.tag(), 'x');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/?hindsight_debug=1`);
  await page.waitForFunction(
    'window.hindsight.status && window.hindsight.status().why === "not in the sample"',
  );
  expect(edge.taken.size).toBe(0);
  await page.locator('[data-hindsight-overlay]').waitFor({ state: 'attached' });
  await context.close();
});

it('records only the pages that are asked for, also inside a single-page app', async () => {
  const { edge, site, browser } = here;
  edge.recording = { except_pages: ['/admin*'] };
  site.put('/admin', edge.tag(), '<p>salary list</p>');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/admin`);
  await edge.until('the start', () => edge.facts('start').length > 0);
  await page.evaluate(`history.pushState(0, '', '/cart'); document.body.innerHTML = '<p>cart</p>'`);
  await edge.until('a keyframe of the cart', hasKeyframe);
  await page.evaluate(
    `document.title = 'Back'; history.pushState(0, '', '/admin/again'); document.body.innerHTML = '<p>salary list</p>'`,
  );
  await call(page, 'track', 'end');
  await edge.until('the track', () => edge.facts('track').length > 0);
  expect(edge.everything()).not.toContain('salary');
  expect(edge.facts('page').map(({ url }) => new URL(String(url)).pathname)).toEqual(['/cart']);
  await context.close();
});

it('falls to the level that the server names, and comes back with a keyframe', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<button>x</button>');
  const { context, page } = await visitor(browser);
  edge.level = 'L0';
  await page.goto(`${site.url}/`);
  await edge.until('the first answer', () => edge.taken.size > 0);
  await page.waitForFunction('window.hindsight.status().level === 0');
  await page.evaluate(`document.body.append('unseen')`);
  edge.level = 'L4';
  await call(page, 'track', 'still here');
  await edge.until('a second keyframe', () => edge.events().filter(({ type }) => type === 2).length === 2);
  const mutations = edge.events().filter(({ type, data }) => type === 3 && data['source'] === 0);
  expect(mutations).toEqual([]);
  await context.close();
});

it("sends nothing of a visit that is too short, and all of one that isn't", async () => {
  const { edge, site, browser } = here;
  edge.recording = { minimum_duration_ms: 2_500 };
  site.put('/', edge.tag(), '<a href="/two">two</a>');
  site.put('/two', edge.tag(), 'two');
  const short = await visitor(browser);
  await short.page.goto(`${site.url}/`);
  await short.page.waitForFunction('window.hindsight.status && window.hindsight.status().waiting > 0');
  await short.page.close({ runBeforeUnload: true });
  expect(edge.taken.size).toBe(0);
  await short.context.close();
  const long = await visitor(browser);
  await long.page.goto(`${site.url}/`);
  await long.page.waitForFunction('window.hindsight.status && window.hindsight.status().waiting > 0');
  await long.page.click('a');
  await edge.until('both pages', () => new Set([...edge.taken.values()].map(({ tab }) => tab)).size === 2);
  await long.context.close();
});

it('drops a visit that was too short when another begins in its page, and says so', async () => {
  const { edge, site, browser } = here;
  edge.recording = { minimum_duration_ms: 2_500 };
  site.put('/', edge.tag(), '<button>x</button>');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await page.waitForFunction('window.hindsight.status && window.hindsight.status().waiting > 0');
  await call(page, 'identify', 'u-1');
  await call(page, 'track', 'too short');
  const short = await sessionOf(page);
  await call(page, 'identify', 'u-2');
  await call(page, 'track', 'long enough');
  expect(await page.evaluate('window.hindsight.status().lost.too_short')).toBeGreaterThan(3);
  await edge.until('the second visit', () => edge.facts('track').length > 0);
  expect(edge.facts('track').map(({ name }) => name)).toEqual(['long enough']);
  expect(edge.everything()).not.toContain(short);
  // One that the page ends before its time goes the same way.
  await call(page, 'identify', 'u-3');
  await call(page, 'end', 'gone');
  expect(await page.evaluate('window.hindsight.status().waiting')).toBe(0);
  await context.close();
});

it('sends in a later visit what was worth keeping and met no server, or whose page was gone', async () => {
  const { edge, site, browser } = here;
  edge.recording = { minimum_duration_ms: 2_500 };
  edge.reply = () => ({ status: 503 });
  site.put('/', edge.tag(), '<button>x</button>');
  const { context, page: gone } = await visitor(browser);
  await gone.goto(`${site.url}/`);
  await gone.waitForFunction('window.hindsight.session_id');
  const stays = await context.newPage();
  await stays.goto(`${site.url}/`);
  await stays.waitForFunction('window.hindsight.session_id');
  await call(gone, 'track', 'closed early');
  await gone.close({ runBeforeUnload: true });
  await call(stays, 'track', 'stays');
  await stays.waitForFunction('window.hindsight.status().state === "recording"');
  await call(stays, 'end', 'done');
  await edge.until('a call in vain', ({ seen }) => seen.some(({ path }) => path.includes('/recordings/')));
  edge.reply = () => edge.kept();
  await stays.goto(`${site.url}/`);
  await edge.until('what was left', () => edge.facts('track').length === 2);
  expect(new Set(edge.facts('track').map(({ name }) => name))).toEqual(new Set(['closed early', 'stays']));
  expect(await stays.evaluate('window.hindsight.status().lost')).toEqual({});
  await context.close();
});

it('in error-only mode sends what led to an error, and nothing without one', async () => {
  const { edge, site, browser } = here;
  edge.recording = { only_errors: true };
  site.put('/', edge.tag(), `<button onclick="throw new Error('boom')">x</button>`);
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await page.waitForFunction('window.hindsight.session_id');
  await call(page, 'track', 'before');
  await page.waitForTimeout(600);
  expect(edge.taken.size).toBe(0);
  await page.click('button');
  await edge.until('the error', () => edge.facts('error').length > 0);
  expect(edge.facts('error')[0]?.['message']).toContain('boom');
  expect(hasKeyframe(edge)).toBe(true);
  expect(edge.facts('track')).toEqual([{ name: 'before', properties: {} }]);
  await context.close();
});

it('carries a visit to another origin and takes its mark out of the address', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  const session = await sessionOf(page);
  const link = String(await call(page, 'link', `${site.url.replace('127.0.0.1', 'localhost')}/?page=1`));
  await page.goto(link);
  await page.waitForFunction('window.hindsight.session_id');
  expect(await sessionOf(page)).toBe(session);
  expect(page.url()).toMatch(/^http:\/\/localhost:\d+\/\?page=1$/);
  await context.close();
});

it('goes on across a payment page and back, as the same user', async () => {
  const { edge, site, browser } = here;
  const bank = await Site.start();
  bank.put(
    '/pay',
    '',
    `<button onclick="location = new URLSearchParams(location.search).get('back')">pay</button>`,
  );
  site.put('/cart', edge.tag(), 'cart');
  site.put('/paid', edge.tag(), 'paid');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/cart`);
  await edge.until('a keyframe', hasKeyframe);
  await call(page, 'identify', 'u-1');
  const session = await sessionOf(page);
  const back = String(await call(page, 'link', '/paid?order=17'));
  await page.goto(`${bank.url}/pay?back=${encodeURIComponent(back)}`);
  await page.click('button');
  await page.waitForFunction('window.hindsight && window.hindsight.session_id');
  expect([await sessionOf(page), page.url()]).toEqual([session, `${site.url}/paid?order=17`]);
  // Who it was is still known: another one begins another visit.
  await call(page, 'identify', 'u-2');
  expect(await sessionOf(page)).not.toBe(session);
  await context.close();
  await bank.stop();
});

it('takes a keyframe again when enough has changed, and none of a page at rest', async () => {
  const { edge, site, browser } = here;
  edge.recording = { keyframe_every_ms: 60_000 };
  site.put('/', edge.tag(), '<ul id="l"></ul>');
  const { context, page } = await visitor(browser);
  await page.clock.install();
  await page.goto(`${site.url}/`);
  await page.clock.runFor(1_000);
  await edge.until('a keyframe', hasKeyframe);
  const keyframes = (): number => edge.events().filter(({ type }) => type === 2).length;
  await page.clock.runFor(10 * MINUTE);
  await call(page, 'track', 'rested');
  await page.clock.runFor(2_000);
  await edge.until('the fact', () => edge.facts('track').length === 1);
  expect(keyframes()).toBe(1);
  await page.evaluate(
    `for (let i = 0; i < 200; i++) l.append(Object.assign(document.createElement('li'), { textContent: 'row ' + i }))`,
  );
  await page.clock.runFor(MINUTE + 20_000);
  await edge.until('a second keyframe', () => keyframes() === 2);
  await context.close();
});

it('ends a session after 12 hours with somebody in it all the time', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<button>x</button>');
  const { context, page } = await visitor(browser);
  await page.clock.install();
  await page.goto(`${site.url}/`);
  await page.clock.runFor(1_000);
  await edge.until('a keyframe', hasKeyframe);
  const first = await sessionOf(page);
  for (let half = 0; half < 29; half++) {
    await page.clock.fastForward(25 * MINUTE);
    await page.click('button');
  }
  await page.clock.runFor(2_000);
  const second = await sessionOf(page);
  expect(second).not.toBe(first);
  await edge.until('its keyframe', () =>
    [...edge.taken.values()].some(
      (sent) => sent.session === second && sent.events.some(({ type }) => type === 2),
    ),
  );
  await context.close();
});
