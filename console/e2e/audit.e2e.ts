import { afterAll, beforeAll, expect, it } from 'vitest';
import { fits, reader, type Reader } from './reader';

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

const rows = () => someone.page.locator('table.list tbody tr');

async function withMoment(): Promise<{ id: string; references?: { type: string; id: string }[] }> {
  const response = await someone.page.request.get('/v1/audit?limit=200');
  const page = (await response.json()) as {
    items: { id: string; moment?: unknown; references?: { type: string; id: string }[] }[];
  };
  const found = page.items.find(({ moment, references }) => moment && references?.length);
  if (!found) throw new Error('no audit event has a moment and a reference: is the sample data imported?');
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

it('shows a case on one clock and plays an audit event of it', async () => {
  const [reference] = (await withMoment()).references ?? [];
  await someone.open(`/r/${reference?.type ?? ''}/${reference?.id ?? ''}`);
  await someone.page.locator('li.audit').first().waitFor();
  await someone.page.locator('li.session').first().waitFor();
  const times = await someone.page
    .locator('li time')
    .evaluateAll((all) => all.map((each) => each.getAttribute('datetime')));
  expect(times).toEqual([...times].sort());
  await someone.axe();
  await someone.shot('case');
  await someone.page.locator('li.audit a.main').first().click();
  await someone.page.waitForURL(/\/replays\/.*at=\d+/);
  await someone.page.locator('.replayer-wrapper iframe').waitFor();
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
