/**
 * Recorders that are in the field already, as their npm packages come, against a real server: a visit that each of them
 * records is listed, has each event once though every call is sent twice, and plays.
 */
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser, Page, Request } from 'playwright-core';
import { rolldown } from 'rolldown';
import { browse, Site, visitor } from '../site';
import { eventsOf, plays, server, sessionBy, setting } from './server';

/** Bundling, a visit, its flushes 2 s apart, and a player that starts: more than the default on a machine that is busy. */
const WITHIN_MS = 180_000;

const here = new URL('./pages/', import.meta.url).pathname;

let browser: Browser;
let site: Site;
beforeAll(async () => {
  [browser, site] = await Promise.all([browse(), Site.start()]);
});
afterAll(async () => {
  await Promise.all([browser.close(), site.stop()]);
});

/** A page's script with the packages that it imports. */
async function bundle(name: string): Promise<string> {
  const build = await rolldown({ input: `${here}${name}.js`, platform: 'browser', logLevel: 'silent' });
  const { output } = await build.generate({ format: 'iife', codeSplitting: false });
  await build.close();
  return output[0].code.replaceAll('</script', '<\\/script');
}

interface Sent {
  url: string;
  body: Buffer;
}

/** Visits a page that is recorded by a script; what it sent to a path of the server. */
async function visit(script: string, path: string, session: string, act: (page: Page) => Promise<void>) {
  const test = JSON.stringify({ server, key: setting('HINDSIGHT_BROWSER_KEY'), session });
  const page = '<h1>Bean shop</h1><input id="name"><button id="pay">Pay</button><p id="out">open</p>';
  site.put('/', '', `${page}<script>window.test = ${test}</script><script>${await bundle(script)}</script>`);
  const { context, page: visited, errors } = await visitor(browser);
  const sent: Sent[] = [];
  const answers: string[] = [];
  visited.on('request', (request: Request) => {
    const body = request.postDataBuffer();
    if (body && new URL(request.url()).pathname === path) sent.push({ url: request.url(), body });
  });
  visited.on('response', (response) => {
    if (response.url().startsWith(server)) answers.push(`${String(response.status())} ${response.url()}`);
  });
  await visited.goto(`${site.url}/`);
  await act(visited);
  await visited.click('#pay');
  await visited.evaluate(`document.querySelector('#out').textContent = 'paid in full'`);
  await visited.waitForTimeout(500);
  await visited.evaluate(`document.querySelector('h1').className = 'visited-to-its-end'`);
  await expect
    .poll(() => sent.some(({ body }) => holds(body, 'visited-to-its-end')), { timeout: 20_000 })
    .toBe(true);
  await visited.close({ runBeforeUnload: true });
  await context.close();
  expect({ errors, refused: answers.filter((answer) => !answer.startsWith('20')) }).toEqual({
    errors: [],
    refused: [],
  });
  return sent;
}

const plain = (body: Buffer): string => (body[0] === 0x1f ? gunzipSync(body) : body).toString('utf8');

/** Whether a text is somewhere in it; PostHog's packed members are looked into. */
function holds(body: Buffer, text: string): boolean {
  const found = (value: unknown): boolean => {
    if (typeof value === 'string') {
      return value.startsWith('\x1f\x8b')
        ? gunzipSync(Buffer.from(value, 'latin1')).toString('utf8').includes(text)
        : value.includes(text);
    }
    return typeof value === 'object' && value !== null && Object.values(value).some(found);
  };
  return found(JSON.parse(plain(body)));
}

/** As a recorder does whose call was answered on the way to nowhere. */
async function sendAgain(sent: Sent[]): Promise<void> {
  for (const { url, body } of sent) {
    const headers = { origin: site.url, 'content-type': 'text/plain' };
    const response = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
    expect(response.ok, await response.text()).toBe(true);
  }
}

/** The session is listed, holds what was sent once, and plays. */
async function expectPlayable(session: string, events: { timestamp: number }[]): Promise<void> {
  await sessionBy(`/v1/sessions/${session}`, ({ events: found }) => found >= events.length);
  const kept = await eventsOf(session);
  // The page's last words may have come beside those that were seen.
  const beginning = kept.slice(0, events.length);
  expect(beginning.map(({ timestamp }) => timestamp)).toEqual(events.map(({ timestamp }) => timestamp));
  expect(new Set(kept.map((event) => JSON.stringify(event))).size).toBe(kept.length);
  await plays(browser, session, ['Bean shop', 'paid in full']);
}

it(
  'keeps and plays what plain rrweb records',
  async () => {
    const session = uuidV7();
    const sent = await visit('rrweb', '/v1/rrweb', session, async () => undefined);
    await sendAgain(sent);
    const events = sent.flatMap(
      ({ body }) => (JSON.parse(plain(body)) as { events: { timestamp: number }[] }).events,
    );
    await expectPlayable(session, events);
  },
  WITHIN_MS,
);

it(
  'keeps and plays what posthog-js records',
  async () => {
    let session = '';
    const sent = await visit('posthog', '/s/', '', async (page) => {
      const started = 'window.test.posthog.sessionRecording?.started';
      await page.waitForFunction(started, undefined, { timeout: 20_000 });
      session = await page.evaluate('window.test.posthog.get_session_id()');
      await page.locator('#name').pressSequentially('Zx81secret');
    });
    await sendAgain(sent);
    const events = sent
      .flatMap(({ body }) => JSON.parse(plain(body)) as Capture[])
      .flatMap(({ properties }) => properties.$snapshot_data);
    await expectPlayable(session, events);
    expect(JSON.stringify(await eventsOf(session))).not.toContain('Zx81secret');
  },
  WITHIN_MS,
);

interface Capture {
  properties: { $snapshot_data: { timestamp: number }[] };
}

/** As docs/recording.md makes them. */
function uuidV7(): string {
  const hex = Date.now().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}
