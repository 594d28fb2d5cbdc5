/**
 * Against a real server (`HINDSIGHT_URL`, `HINDSIGHT_TOKEN`, `HINDSIGHT_BROWSER_KEY`): a page with the one script tag
 * is recorded, found by its order, and plays with the same text.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { browse, Site, visitor } from '../site';
import { call } from '../world';
import { eventsOf, plays, server, sessionBy, setting } from './server';

let browser: Browser;
let site: Site;
beforeAll(async () => {
  [browser, site] = await Promise.all([browse(), Site.start()]);
});
afterAll(async () => {
  await Promise.all([browser.close(), site.stop()]);
});

it('records a visit that is found by its order and plays', async () => {
  const order = `O-${String(Date.now())}`;
  const tag = `<script src="${server}/sdk.js?id=${setting('HINDSIGHT_BROWSER_KEY')}&source=sdk-test"></script>`;
  site.put('/', tag, '<h1>Bean shop</h1><input id="name"><button id="pay">Pay</button><p id="out">open</p>');
  const { context, page, errors } = await visitor(browser);
  const preflights: string[] = [];
  const refused: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'OPTIONS') preflights.push(request.url());
  });
  page.on('response', (response) => {
    if (response.status() >= 400) refused.push(`${String(response.status())} ${response.url()}`);
  });
  await page.goto(`${site.url}/`);
  await call(page, 'identify', { user_id: 'u-17', user_name: 'li' });
  await call(page, 'reference', 'order', order);
  await page.locator('#name').pressSequentially('Zx81secret');
  await page.click('#pay');
  await page.evaluate(`document.querySelector('#out').textContent = 'paid in full'`);
  await page.waitForTimeout(300);
  await page.close({ runBeforeUnload: true });
  expect({ errors, preflights, refused }).toEqual({ errors: [], preflights: [], refused: [] });
  const session = await sessionBy(`/v1/sessions?reference=order:${order}`, ({ clicks }) => clicks > 0);
  // Not before: a browser that ends takes with it what a closed page left it to send.
  await context.close();
  expect(session).toMatchObject({ user_id: 'u-17', source: 'sdk-test', clicks: 1 });
  const events = JSON.stringify(await eventsOf(session.session_id));
  expect(events).toContain('paid in full');
  expect(events).not.toContain('Zx81secret');
  await plays(browser, session.session_id, ['Bean shop', 'paid in full']);
});

it('serves the loader anew each time, and what it names for ever', async () => {
  const loader = await fetch(`${server}/sdk.js`);
  const tag = loader.headers.get('etag') ?? '';
  expect(loader.headers.get('cache-control')).toBe('no-cache');
  const again = await fetch(`${server}/sdk.js`, { headers: { 'if-none-match': tag } });
  expect(again.status).toBe(304);
  const named = /sdk\/[\w.-]+\/recorder\.js/.exec(await loader.text())?.[0] ?? '';
  const recorder = await fetch(`${server}/${named}`);
  expect(recorder.headers.get('cache-control')).toContain('immutable');
  expect(recorder.headers.get('access-control-allow-origin')).toBe('*');
  expect((await fetch(`${server}/sdk/0.0.0/recorder.js`)).status).toBe(404);
});
