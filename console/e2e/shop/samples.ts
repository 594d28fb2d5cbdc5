/**
 * Makes sample recordings: visits the demo shop of a running server (`HINDSIGHT_URL`, `HINDSIGHT_TOKEN`) with a headless
 * browser, and writes what was recorded as `[tab, event]` lines, a file per visit, which `hindsight import` takes.
 *
 * The same visits each time, in the same steps; times, ids and the order's letters are the run's own.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions } from 'playwright-core';
import { FLAGS, setting } from '../reader';
import { DECLINED_CARD, GOOD_CARD, Shopper } from './visits';

const url = setting('HINDSIGHT_URL');
const token = setting('HINDSIGHT_TOKEN');
const folder = process.argv[2];
if (!folder) throw new Error('usage: npm run shop:samples -- FOLDER');
mkdirSync(folder, { recursive: true });

/** How long a visitor looks at a page. */
const LOOK_MS = 1500;
const LISTED_WITHIN_MS = 30_000;

async function ask(path: string): Promise<Response> {
  return fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
}

/** Visits by somebody of their own browser profile; the recording is written when it is complete. */
async function record(
  browser: Browser,
  name: string,
  options: BrowserContextOptions,
  visit: (shopper: Shopper) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const shopper = new Shopper(page, url);
  await shopper.open();
  const handle = await page.waitForFunction(
    () => (window as { hindsight?: { session_id?: string } }).hindsight?.session_id,
  );
  const session = await handle.jsonValue();
  await visit(shopper);
  await page.waitForTimeout(LOOK_MS);
  await page.close({ runBeforeUnload: true });
  await write(name, session ?? '');
  // Not before: a browser that ends takes with it what a closed page left it to send.
  await context.close();
}

async function write(name: string, session: string): Promise<void> {
  const until = Date.now() + LISTED_WITHIN_MS;
  let facts = await ask(`/v1/sessions/${session}`);
  // The last batch comes with the end of the page; the session is whole once nothing more was added for a while.
  for (let before = ''; ; facts = await ask(`/v1/sessions/${session}`)) {
    const now = facts.ok ? await facts.text() : '';
    if (now && now === before) break;
    if (Date.now() > until) throw new Error(`${name}: session ${session} is not listed`);
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
  const lines = (await (await ask(`/v1/replays/${session}/events?envelope=1`)).text()).trim().split('\n');
  const told = lines.map((line) => {
    const { tab, event } = JSON.parse(line) as { tab: string; event: unknown };
    return JSON.stringify([tab, event]);
  });
  writeFileSync(join(folder ?? '', `${name}.jsonl`), `${told.join('\n')}\n`);
  process.stdout.write(`${name}: ${String(told.length)} events of session ${session}\n`);
}

const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: FLAGS,
});
let order = '';
await record(
  browser,
  'shop-guest',
  { locale: 'zh-CN', viewport: { width: 390, height: 844 } },
  async (guest) => {
    await guest.putInCart('tea', 1);
    await guest.page.waitForTimeout(LOOK_MS);
    await guest.open();
  },
);
await record(
  browser,
  'shop-order',
  { locale: 'en-US', viewport: { width: 1280, height: 800 } },
  async (customer) => {
    await customer.signIn('u-1002');
    await customer.putInCart('mug', 2);
    await customer.open();
    await customer.putInCart('stool', 1);
    await customer.page.waitForTimeout(LOOK_MS);
    order = await customer.checkOut();
    await customer.fillCard(DECLINED_CARD);
    await customer.payInVain();
    await customer.page.waitForTimeout(LOOK_MS);
    await customer.fillCard(GOOD_CARD);
    await customer.pay();
  },
);
await record(
  browser,
  'shop-refund',
  { locale: 'zh-CN', viewport: { width: 1366, height: 768 } },
  async (agent) => {
    await agent.signIn('s-301');
    await agent.page.waitForTimeout(LOOK_MS);
    await agent.openAtDesk(order);
    await agent.refundLine(1, '收到时已损坏');
  },
);
await browser.close();
