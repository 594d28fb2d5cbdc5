/** A recording without a picture, as a mini-program sends one, is read as a list. `HINDSIGHT_APP_KEY` is its key. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomBytes } from 'node:crypto';
import { fits, reader, type Reader } from './reader';

const TAB = 'abcd1234_0000000000000001';
const AT_S = 12;
const WITHIN_MS = 60_000;

let someone: Reader;
let session: string;
beforeAll(async () => {
  someone = await reader();
  session = await sendVisit();
});
afterAll(() => someone.close());

/** A UUIDv7 of now. */
function sessionId(): string {
  const hex = Date.now().toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
  const of = (from: number, to: number): string => hex.slice(from, to);
  return `${of(0, 8)}-${of(8, 12)}-7${of(13, 16)}-8${of(17, 20)}-${of(20, 32)}`;
}

function visit(from_ms: number): string {
  const told: [number, string, Record<string, unknown>][] = [
    [0, 'start', { source: 'shop-mini', release: '1.4.0', screen: '375x812', sdk: 'miniprogram 0.1.0' }],
    [10, 'page', { title: '', url: '/pages/cart/cart?id=*' }],
    [4_000, 'click', { selector: '#pay', text: 'Pay', x: 10, y: 20 }],
    [4_200, 'network', { method: 'POST', url: 'https://shop.example/pay', status: 503, duration_ms: 180 }],
    [5_000, 'error', { message: 'TypeError: no price' }],
    [9_000, 'page', { title: '', url: '/pages/done/done' }],
    [AT_S * 1_000, 'reference', { type: 'order', id: 'O-mini' }],
    [AT_S * 1_000 + 10, 'end', { reason: 'paid' }],
  ];
  return told
    .map(([after, name, payload]) =>
      JSON.stringify({ type: 5, timestamp: from_ms + after, data: { tag: `hindsight.${name}`, payload } }),
    )
    .join('\n');
}

async function sendVisit(): Promise<string> {
  const key = process.env['HINDSIGHT_APP_KEY'];
  if (!key) throw new Error('HINDSIGHT_APP_KEY is not set');
  const id = sessionId();
  const answer = await fetch(
    `${process.env['HINDSIGHT_URL'] ?? ''}/v1/recordings/${id}/${TAB}/0?key=${key}&encoding=identity`,
    { method: 'POST', body: visit(Date.now() - 60_000) },
  );
  expect(answer.status).toBe(202);
  const stored = async (): Promise<boolean> => {
    const found = await someone.page.request.get(`/v1/replays/${id}/events?tab=${TAB}`);
    return found.ok() && (await found.text()).includes('O-mini');
  };
  const until = Date.now() + WITHIN_MS;
  while (!(await stored())) {
    if (Date.now() > until) throw new Error(`session ${id} can't be read after ${String(WITHIN_MS)} ms`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return id;
}

it('lists what happened, a chapter for each page, and marks the moment that a link means', async () => {
  const { page } = someone;
  await someone.open(`/replays/${session}?at=${String(AT_S * 1_000)}`);
  await page.locator('.story ol').first().waitFor();
  expect(await page.locator('.replayer-wrapper').count()).toBe(0);
  expect(await page.locator('.story h2 .text').allTextContents()).toEqual([
    '/pages/cart/cart?id=*',
    '/pages/done/done',
  ]);
  const request = page.locator('.story li', { hasText: 'Request' });
  expect(await request.locator('.text').textContent()).toBe('POST https://shop.example/pay');
  expect((await request.locator('.tag').textContent())?.trim()).toBe('503');
  await expect
    .poll(() => page.locator('[aria-current="true"] .text').textContent())
    .toContain('order:O-mini');
  expect(await page.locator('.story').getByText('Pay · #pay').count()).toBe(1);
  await someone.axe();
  await someone.shot('story');
  expect(someone.errors()).toEqual([]);
});

it('fits a phone, in Chinese too', async () => {
  const chinese = await reader({ language: 'zh-CN' });
  await chinese.narrow();
  await chinese.open(`/replays/${session}`);
  await chinese.page.locator('.story ol').first().waitFor();
  expect(await chinese.page.locator('.story').getByText('请求').count()).toBe(1);
  expect(await chinese.page.getByText('此会话没有画面').count()).toBe(1);
  await fits(chinese.page);
  await chinese.axe();
  await chinese.shot('story-375');
  expect(chinese.errors()).toEqual([]);
  await chinese.close();
});
