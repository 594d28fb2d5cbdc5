import { afterAll, beforeAll, expect, it } from 'vitest';
import { fits, reader, type Reader } from './reader';

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

const rows = () => someone.page.locator('table.list tbody tr');

it('lists sessions and filters them', async () => {
  await someone.open('/sessions');
  await rows().first().waitFor();
  const all = await rows().count();
  await someone.axe();
  await someone.shot('sessions');

  await someone.page.locator('#user').fill('nobody-has-this-name-9');
  await someone.page.locator('#state').selectOption('receiving');
  await someone.page.getByRole('button', { name: 'Search' }).click();
  await someone.page.waitForURL(/state=receiving/);
  await someone.page.getByText('No session matches.').or(rows().first()).waitFor();
  expect(await rows().count()).toBeLessThan(all);

  await someone.page.getByRole('button', { name: 'Clear' }).click();
  await rows()
    .nth(all - 1)
    .waitFor();
  expect(someone.errors()).toEqual([]);
});

it('fits a phone', async () => {
  await someone.narrow();
  await someone.open('/sessions');
  await rows().first().waitFor();
  await fits(someone.page);
  await someone.axe();
  await someone.shot('sessions-375');
});

it('is readable in the dark', async () => {
  const night = await reader({ dark: true, language: 'zh-CN' });
  try {
    await night.open('/sessions');
    await night.page.locator('table.list tbody tr').first().waitFor();
    await night.axe();
    await night.shot('sessions-dark-zh');
  } finally {
    await night.close();
  }
});
