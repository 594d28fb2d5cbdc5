/** The browser's own back/forward cache, which Playwright turns off unless it is told otherwise. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { Edge } from './edge';
import { browse, Site, visitor } from './site';
import { hasKeyframe } from './world';

let browser: Browser;
let edge: Edge;
let site: Site;
beforeAll(async () => {
  browser = await browse([], ['--disable-back-forward-cache']);
  [edge, site] = await Promise.all([Edge.start(), Site.start()]);
});
afterAll(async () => {
  await browser.close();
  await Promise.all([edge.stop(), site.stop()]);
});

it('goes on after the back/forward cache, in the same document from a new keyframe', async () => {
  // The page itself says whether it came out of the cache: else this shows nothing.
  const watch = `<script>addEventListener('pageshow', (event) => { if (event.persisted) fetch('/restored'); })</script>`;
  site.put('/', edge.tag(), `<p>one</p>${watch}`);
  site.put('/two', edge.tag(), '<p>two</p><button onclick="history.back()">back</button>');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  const [first] = [...edge.taken.values()].map(({ tab }) => tab);
  // The cache does not take a page that waits for the answer of a keepalive request.
  await page.waitForLoadState('networkidle');
  await page.goto(`${site.url}/two`);
  await edge.until(
    'the second page',
    () => new Set([...edge.taken.values()].map(({ tab }) => tab)).size === 2,
  );
  await page.click('button');
  const ofFirst = () => [...edge.taken.values()].filter(({ tab }) => tab === first);
  const keyframes = () => ofFirst().flatMap(({ events }) => events.filter(({ type }) => type === 2)).length;
  await edge.until('a second keyframe of the first document', () => keyframes() === 2);
  expect(site.asked.map(({ path }) => path)).toContain('/restored');
  expect(ofFirst().some(({ final }) => final)).toBe(false);
  const seqs = ofFirst().map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_, index) => index));
  expect(errors.filter((error) => !error.includes('404'))).toEqual([]);
  await context.close();
});
