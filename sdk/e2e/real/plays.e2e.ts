/**
 * Against a real server (`HINDSIGHT_URL`, `HINDSIGHT_TOKEN`, `HINDSIGHT_BROWSER_KEY`): a page with the one script tag
 * is recorded, found by its order, and plays with the same text.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { browse, Site, visitor } from '../site';
import { call } from '../world';

const setting = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};
const server = setting('HINDSIGHT_URL');
const token = setting('HINDSIGHT_TOKEN');

let browser: Browser;
let site: Site;
beforeAll(async () => {
  [browser, site] = await Promise.all([browse(), Site.start()]);
});
afterAll(async () => {
  await Promise.all([browser.close(), site.stop()]);
});

const read = async (path: string): Promise<unknown> => {
  const response = await fetch(`${server}${path}`, { headers: { authorization: `Bearer ${token}` } });
  return response.ok ? response.json() : { items: [], status: response.status };
};

interface Session {
  session_id: string;
  user_id: string;
  references: { type: string; id: string }[];
  clicks: number;
  source: string;
}

async function find(order: string): Promise<Session> {
  const until = Date.now() + 30_000;
  while (Date.now() < until) {
    const { items } = (await read(`/v1/sessions?reference=order:${order}`)) as { items: Session[] };
    if (items[0]?.clicks) return items[0];
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the visit of order ${order} is not found after 30 s`);
}

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
  await context.close();
  expect({ errors, preflights, refused }).toEqual({ errors: [], preflights: [], refused: [] });

  const session = await find(order);
  expect(session).toMatchObject({ user_id: 'u-17', source: 'sdk-test', clicks: 1 });
  const events = await fetch(`${server}/v1/replays/${session.session_id}/events`, {
    headers: { authorization: `Bearer ${token}` },
  }).then((response) => response.text());
  expect(events).toContain('paid in full');
  expect(events).not.toContain('Zx81secret');

  const reader = await visitor(browser, { baseURL: server });
  await reader.page.request.post('/v1/login', { data: { token } });
  await reader.page.goto(`${server}/replays/${session.session_id}?at=600000`);
  const frame = reader.page.frameLocator('.replayer-wrapper iframe');
  await frame.getByText('Bean shop').waitFor({ state: 'attached' });
  await frame.getByText('paid in full').waitFor({ state: 'attached', timeout: 20_000 });
  await reader.context.close();
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
