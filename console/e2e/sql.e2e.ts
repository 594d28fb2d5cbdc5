import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fits, reader, type Reader } from './reader';

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

async function write(statement: string): Promise<void> {
  await someone.page.locator('.cm-content').click();
  await someone.page.keyboard.press('ControlOrMeta+a');
  await someone.page.keyboard.insertText(statement);
}

it('asks, shows the table, draws the chart, and gives the CSV', async () => {
  const { page } = someone;
  await someone.open('/sql');
  await write('SELECT kind, count() AS events FROM events GROUP BY kind ORDER BY events DESC');
  await page.keyboard.press('ControlOrMeta+Enter');
  await page.locator('.result tbody tr').first().waitFor();
  await someone.axe();
  await someone.shot('sql-table');

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download CSV' }).click(),
  ]);
  expect(readFileSync(await download.path(), 'utf8')).toMatch(/^\uFEFFkind,events\r\n\w+,\d+\r\n/);

  await page.getByText('Chart', { exact: true }).click();
  // The series' own colour: axis lines have no height, which counts as hidden.
  await page.locator('.picture svg path[fill="#0f6270"]').first().waitFor();
  await someone.axe();
  await someone.shot('sql-chart');
  expect(someone.errors()).toEqual([]);
});

it('says why a statement is refused', async () => {
  await someone.open('/sql');
  await write('DROP TABLE events');
  await someone.page.getByRole('button', { name: 'Run' }).click();
  await someone.page.getByRole('alert').waitFor();
  await someone.axe();
  // The browser itself logs the refusal.
  expect(someone.errors().filter((text) => !/status of 4\d\d/.test(text))).toEqual([]);
});

it('fits a phone', async () => {
  await someone.narrow();
  await someone.open('/sql');
  await someone.page.locator('.cm-content').waitFor();
  await fits(someone.page);
  await someone.axe();
  await someone.shot('sql-375');
});
