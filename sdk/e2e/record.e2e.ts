import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { Edge } from './edge';
import { browse, Site, visitor } from './site';

let browser: Browser;
let edge: Edge;
let site: Site;

beforeAll(async () => {
  browser = await browse();
});
afterAll(() => browser.close());
beforeEach(async () => {
  [edge, site] = await Promise.all([Edge.start(), Site.start()]);
});
afterEach(async () => {
  await Promise.all([edge.stop(), site.stop()]);
});

it('records a page by one script tag: a start, a keyframe, clicks with their label, and no preflight', async () => {
  site.put('/', edge.tag(), '<button id="pay">Pay now</button><p id="out"></p>');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', () => edge.events().some(({ type }) => type === 2));
  await page.click('#pay');
  await page.evaluate(() => {
    document.querySelector('#out')?.append('paid');
  });
  await edge.until('a click', () => edge.facts('click').length > 0);
  expect(edge.facts('click')[0]).toMatchObject({ selector: '#pay', text: 'Pay now' });
  expect(edge.events()[0]?.data).toMatchObject({ tag: 'hindsight.start', payload: { source: 'shop' } });
  const session = await page.evaluate(
    () => (window as unknown as { hindsight: { session_id: string } }).hindsight.session_id,
  );
  expect([...edge.taken.values()].every((sent) => sent.session === session)).toBe(true);
  await context.close();
  expect(errors).toEqual([]);
  expect(edge.seen.filter(({ method }) => method === 'OPTIONS')).toEqual([]);
});

it('sends what was recorded last when the page is left at once, and says that it was the last', async () => {
  edge.recording = { flush_every_ms: 60_000 };
  site.put('/', edge.tag(), '<button id="pay">Pay now</button>');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', () => edge.events().some(({ type }) => type === 2));
  await page.click('#pay');
  await page.evaluate(() => {
    (
      window as unknown as { hindsight: { reference: (type: string, id: string) => void } }
    ).hindsight.reference('order', 'O-17');
  });
  await page.close({ runBeforeUnload: true });
  await edge.until('the reference', () => edge.facts('reference').length > 0);
  expect(edge.facts('reference')).toEqual([{ type: 'order', id: 'O-17' }]);
  expect(edge.facts('click').length).toBe(1);
  expect([...edge.taken.values()].some(({ final }) => final)).toBe(true);
  await context.close();
});

it('tells how the page felt when it is left, and the texts of shadow roots with the rest', async () => {
  site.put(
    '/',
    edge.tag(),
    `<div id="h"></div><button id="b">x</button>
    <script>h.attachShadow({ mode: 'open' }).innerHTML = '<b>inside</b>'; b.onclick = () => h.shadowRoot.firstChild.append(' and added')</script>`,
  );
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', () => edge.events().some(({ type }) => type === 2));
  await page.click('#b');
  await page.waitForTimeout(100);
  await page.close({ runBeforeUnload: true });
  await edge.until('the vitals', () => edge.facts('vital').length > 0);
  const names = edge.facts('vital').map(({ name }) => name);
  for (const name of ['TTFB', 'FCP', 'LCP']) expect(names).toContain(name);
  for (const text of ['inside', ' and added']) expect(edge.everything()).toContain(text);
  await context.close();
});
