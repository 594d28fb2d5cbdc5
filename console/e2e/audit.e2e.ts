import { afterAll, beforeAll, expect, it } from 'vitest';
import { fits, reader, type Reader } from './reader';
import { drawn, playedTo } from './recorded';

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

const rows = () => someone.page.locator('table.list tbody tr');

interface Found {
  id: string;
  moment?: unknown;
  references?: { type: string; id: string }[];
}

async function newest(): Promise<Found[]> {
  const response = await someone.page.request.get('/v1/audit?limit=1000');
  return ((await response.json()) as { items: Found[] }).items;
}

async function withMoment(): Promise<Found> {
  const found = (await newest()).find(({ moment, references }) => moment && references?.length);
  if (!found) throw new Error('no audit event has a moment and a reference: is the sample data imported?');
  return found;
}

/** An order of which an audit event has a moment. */
async function orderWithMoment(): Promise<{ id: string }> {
  const played = (await newest()).filter(({ moment }) => moment);
  const orders = played.flatMap(({ references }) => references ?? []);
  const found = orders.find(({ type }) => type === 'order');
  if (!found) throw new Error('no order has a moment: is the sample data imported?');
  return found;
}

it('searches, and shows where a query is wrong', async () => {
  await someone.open('/audit');
  await rows().first().waitFor();
  await someone.axe();
  await someone.shot('audit');

  await someone.page.locator('#q').fill('outcome:failure');
  await someone.page.getByRole('button', { name: 'Search' }).click();
  await someone.page.waitForURL(/q=outcome/);
  await rows().first().waitFor();
  await expect.poll(() => rows().locator('.tag.good').count()).toBe(0);

  await someone.page.locator('#q').fill('outcome:success usr:li');
  await someone.page.getByRole('button', { name: 'Search' }).click();
  await someone.page.locator('.fault mark').waitFor();
  expect(await someone.page.locator('.fault mark').textContent()).toBe('u');
  await someone.shot('audit-syntax-error');
  // The browser itself logs the 400.
  expect(someone.errors().filter((text) => !text.includes('status of 400'))).toEqual([]);
});

it('teaches the query language', async () => {
  await someone.open('/audit');
  await someone.page.getByTestId('query-help').click();
  await someone.page.getByRole('heading', { name: 'How to ask' }).waitFor();
  await someone.axe();
  await someone.shot('audit-help');
  await someone.page.keyboard.press('Escape');
  await someone.page.getByRole('heading', { name: 'How to ask' }).waitFor({ state: 'hidden' });
});

it('opens an event and plays its moment', async () => {
  const { id } = await withMoment();
  await someone.open(`/audit/${id}`);
  await someone.page.getByTestId('play-moment').waitFor();
  await someone.axe();
  await someone.shot('audit-event');
  await someone.page.getByTestId('play-moment').click();
  await someone.page.waitForURL(/\/replays\/.*at=\d+/);
  await someone.page.locator('.replayer-wrapper iframe').waitFor();
  expect(someone.errors()).toEqual([]);
});

interface Case {
  sessions: { session_id: string }[];
  audit: { id: string; moment?: { session_id: string; offset_ms: number } }[];
}

it('opens an order as a case on one clock, and a click on an audit event plays its moment', async () => {
  const { page } = someone;
  const { id } = await orderWithMoment();
  await someone.open(`/r/order/${id}`);
  await page.locator('li.audit').first().waitFor();
  const known = (await (await page.request.get(`/v1/references/order/${id}`)).json()) as Case;
  expect(await page.locator('li.session').count()).toBe(known.sessions.length);
  expect(await page.locator('li.audit').count()).toBe(known.audit.length);
  const times = await page
    .locator('li time')
    .evaluateAll((all) => all.map((each) => each.getAttribute('datetime')));
  expect(times).toEqual([...times].sort());
  await someone.axe();
  await someone.shot('case');

  const event = known.audit.find(({ moment }) => moment);
  // Looked for within the row.
  const details = page.locator(`a.details[href$="/audit/${event?.id ?? '?'}"]`);
  await page.locator('li.audit').filter({ has: details }).locator('a.main').click();
  await page.waitForURL(/\/replays\/.*at=\d+/);
  expect(new URL(page.url()).pathname).toBe(`/replays/${event?.moment?.session_id ?? '?'}`);
  await expect.poll(() => drawn(page), { timeout: 20_000 }).toBeGreaterThan(0);
  // A little before it, so that the cause is seen; played on, its moment comes.
  const moment = (event?.moment?.offset_ms ?? 0) / 1000;
  const began = await playedTo(page);
  expect(began).toBeLessThanOrEqual(moment + 0.5);
  expect(began).toBeGreaterThan(moment - 3);
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await expect.poll(() => playedTo(page), { timeout: 15_000 }).toBeGreaterThanOrEqual(Math.floor(moment));
  expect(someone.errors()).toEqual([]);
});

it('fits a phone', async () => {
  const { id, references } = await withMoment();
  const [reference] = references ?? [];
  await someone.narrow();
  for (const [path, name] of [
    ['/audit', 'audit-375'],
    [`/audit/${id}`, 'audit-event-375'],
    [`/r/${reference?.type ?? ''}/${reference?.id ?? ''}`, 'case-375'],
  ] as const) {
    await someone.open(path);
    await someone.page.locator('table.list, li.audit').first().waitFor();
    await fits(someone.page);
    await someone.axe();
    await someone.shot(name);
  }
});
