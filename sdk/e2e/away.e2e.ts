/** A server that is away, answers in odd ways, or lives in another year. The page's clock is turned by hand. */
import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { says } from './overlay';
import { visitor } from './site';
import { call, hasKeyframe, sessionOf, world } from './world';

const here = world();
const MINUTE = 60_000;
const DEBUG = '?hindsight_debug=1';

/** Turns the page's clock on; what is awaited of the network meanwhile takes real time. */
async function pass(page: Page, ms: number): Promise<void> {
  await page.clock.runFor(ms);
  await new Promise((resolve) => setTimeout(resolve, 20));
}

it('loses no business fact while the server is away for an hour, asks seldom, and says so', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<button id="b">x</button>');
  const { context, page, errors } = await visitor(browser);
  await page.clock.install();
  await page.goto(`${site.url}/${DEBUG}`);
  await pass(page, 1_000);
  await edge.until('a keyframe', hasKeyframe);
  edge.reply = () => ({ status: 503, body: { reason: 'log_unavailable' } });
  const asked = edge.seen.length;
  for (let minute = 0; minute < 60; minute++) {
    await call(page, 'track', `minute-${String(minute)}`);
    await page.click('#b');
    await pass(page, MINUTE);
  }
  await says(page, /server away/);
  // One try at a time, at most a minute apart: about one a minute, and those of the first minute.
  expect(edge.seen.length - asked).toBeLessThan(150);
  edge.reply = () => edge.kept();
  for (let second = 0; second < 120 && edge.facts('track').length < 60; second++) await pass(page, 1_000);
  expect(edge.facts('track').map(({ name }) => name)).toEqual(
    Array.from({ length: 60 }, (_, minute) => `minute-${String(minute)}`),
  );
  await pass(page, 5_000);
  await says(page, /level: 4/);
  expect(errors.filter((error) => !error.includes('503'))).toEqual([]);
  await context.close();
});

it('waits as long as a 429 asks, and not shorter', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page, errors } = await visitor(browser);
  await page.clock.install();
  edge.reply = () => ({ status: 429, headers: { 'retry-after': '120' }, body: { reason: 'rate_limited' } });
  await page.goto(`${site.url}/${DEBUG}`);
  await pass(page, 1_000);
  const posts = (): number => edge.seen.filter(({ path }) => path.startsWith('/v1/recordings')).length;
  await edge.until('the refusal', () => posts() === 1);
  await says(page, /no answer, 1 times/);
  await pass(page, 118_000);
  expect(posts()).toBe(1);
  edge.reply = () => edge.kept();
  await pass(page, 5_000);
  await edge.until('a keyframe', hasKeyframe);
  expect(errors.filter((error) => !error.includes('429'))).toEqual([]);
  await context.close();
});

it('leaves out what is refused as too large, goes on behind it, and says what is lost', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/${DEBUG}`);
  await edge.until('a keyframe', hasKeyframe);
  // An event of the page may be in the same batch: what is lost is all of it.
  let lost = 0;
  edge.reply = ({ events }) => {
    if (!JSON.stringify(events).includes('too-much')) return edge.kept();
    lost += events.length;
    return { status: 413, body: { reason: 'record_too_large' } };
  };
  await call(page, 'track', 'too-much');
  await edge.until('the gap', () => edge.facts('gap').length > 0);
  expect(edge.facts('gap')[0]).toMatchObject({ reason: 'record_too_large' });
  await call(page, 'track', 'behind');
  await edge.until('the next', () => edge.facts('track').length > 0);
  await says(page, new RegExp(`lost \\(record_too_large\\): ${String(lost)}$`, 'm'));
  expect(errors.filter((error) => !error.includes('413'))).toEqual([]);
  await context.close();
});

for (const year of [2001, 2049]) {
  it(`makes ids with the server's time under a clock of ${String(year)}`, async () => {
    const { edge, site, browser } = here;
    site.put('/', edge.tag(), '<button id="b">x</button>');
    const { context, page, errors } = await visitor(browser);
    // As the real edge: seven days back, an hour ahead.
    const ageOf = (session: string): number =>
      Date.now() - parseInt(session.slice(0, 13).replace('-', ''), 16);
    edge.reply = ({ session }) =>
      ageOf(session) < 7 * 24 * 60 * MINUTE && ageOf(session) > -60 * MINUTE
        ? edge.kept()
        : { status: 422, body: { reason: 'session_time', now_ms: Date.now() } };
    await page.clock.install({ time: new Date(`${String(year)}-06-01T12:00:00Z`) });
    await page.goto(`${site.url}/${DEBUG}`);
    await pass(page, 3_000);
    await page.click('#b');
    await pass(page, 3_000);
    await edge.until('a click', () => edge.facts('click').length > 0);
    expect(Math.abs(ageOf((await sessionOf(page)) ?? ''))).toBeLessThan(MINUTE);
    expect(new Date(edge.events()[0]?.timestamp ?? 0).getFullYear()).toBe(year);
    await says(page, /clock: wrong by -?\d+ days/);
    expect(errors).toEqual([]);
    await context.close();
  });
}

it('is not fooled by a page in front of the server that answers 200', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page } = await visitor(browser);
  let portal = true;
  edge.reply = () => (portal ? { status: 200, body: 'welcome to the hotel' } : edge.kept());
  await page.goto(`${site.url}/${DEBUG}`);
  await says(page, /no answer, \d+ times/);
  expect(edge.taken.size).toBe(0);
  portal = false;
  await edge.until('a keyframe', hasKeyframe);
  await context.close();
});
