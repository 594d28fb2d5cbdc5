/** Somebody adds their page: the tag to copy, and live what becomes of what it sends. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fits, reader, type Reader } from './reader';

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

const tag = async (): Promise<string> =>
  (await someone.page.locator('.part pre').first().textContent()) ?? '';

/** A UUIDv7 of now. */
function sessionId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  const random = (): string =>
    Math.floor(Math.random() * 0x10000)
      .toString(16)
      .padStart(4, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random().slice(1)}-8${random().slice(1)}-${random()}${random()}${random()}`;
}

/** What a recorder in somebody's page sends. */
async function sendAs(key: string, session: string, body: string): Promise<number> {
  const path = `/v1/recordings/${session}/w_1/0?key=${key}`;
  const response = await someone.page.request.post(path, {
    headers: { 'content-type': 'text/plain' },
    data: body,
  });
  return response.status();
}

/** A page with a paragraph: other tests play what they find. */
const PAGE = {
  type: 0,
  id: 1,
  childNodes: [
    {
      type: 2,
      tagName: 'html',
      attributes: {},
      id: 2,
      childNodes: [
        {
          type: 2,
          tagName: 'body',
          attributes: {},
          id: 3,
          childNodes: [
            {
              type: 2,
              tagName: 'p',
              attributes: {},
              id: 4,
              childNodes: [{ type: 3, textContent: 'A first page', id: 5 }],
            },
          ],
        },
      ],
    },
  ],
};

it('names the tag, with what is chosen', async () => {
  const { page } = someone;
  await someone.open('/setup');
  await page.getByText('Waiting for your first event').waitFor();
  expect(await tag()).toMatch(/^<script src="http:\/\/127\.0\.0\.1:\d+\/sdk\.js\?id=\w+"><\/script>$/);
  await someone.axe();
  await someone.shot('setup');
  await page.getByText('Options', { exact: true }).click();
  await page.locator('#source').fill('shop');
  await page.getByText('Record only after consent').click();
  expect(await tag()).toContain('&amp;source=shop" data-consent="required"');
  await someone.axe();
  await page.getByText('Rust', { exact: true }).click();
  await page.getByText('#[operation_log(').waitFor();
});

it('says why a call was refused, and when one is kept leads to the visit', async () => {
  const { page } = someone;
  await someone.open('/setup');
  await page.getByText('Waiting for your first event').waitFor();
  const key = /id=(\w+)/.exec(await tag())?.[1] ?? '';

  expect(await sendAs('hs_browser_mistyped', sessionId(), '[]')).toBe(401);
  await page.locator('.live.refused').getByText('unknown_key').waitFor();
  expect(await sendAs(key, sessionId(), '{"not": "rrweb"}')).toBe(422);
  await page.locator('.live.refused').getByText('not_rrweb').waitFor();
  await someone.axe();
  await someone.shot('setup-refused');

  const session = sessionId();
  const at = Date.now();
  const events = [
    { type: 4, timestamp: at, data: { href: 'https://shop.example/', width: 800, height: 600 } },
    {
      type: 2,
      timestamp: at,
      data: { node: PAGE, initialOffset: { left: 0, top: 0 } },
    },
  ];
  expect(await sendAs(key, session, JSON.stringify(events))).toBe(202);
  await page.locator('.live.received').waitFor();
  await page.getByRole('link', { name: 'Play the visit' }).click({ timeout: 30_000 });
  await page.waitForURL(`**/replays/${session}*`);
});

it('fits a phone, in Chinese', async () => {
  const { page } = someone;
  // The page before asked for its visit until it was there: 404s that the browser logs.
  someone.errors();
  await someone.narrow();
  await someone.open('/setup');
  await page.locator('select.language').selectOption('zh-CN');
  await page.getByText('接收情况').waitFor();
  await fits(page);
  await someone.axe();
  await someone.shot('setup-375');
  expect(someone.errors()).toEqual([]);
});
