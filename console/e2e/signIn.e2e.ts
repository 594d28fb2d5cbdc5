import { afterAll, beforeAll, expect, it } from 'vitest';
import { reader, type Reader } from './reader';

let someone: Reader;
beforeAll(async () => {
  someone = await reader({ signIn: false });
});
afterAll(() => someone.close());

it('leads a stranger to sign-in and, signed in, back to where they were going', async () => {
  const { page } = someone;
  await someone.open('/audit?q=outcome%3Afailure');
  await page.waitForURL(/\/sign-in\?back=/);
  await someone.axe();
  await someone.shot('sign-in');

  await page.locator('#token').fill('not the token');
  await page.locator('button[type=submit]').click();
  await page.getByText('The server does not know this token.').waitFor();

  await page.locator('#token').fill(process.env['HINDSIGHT_TOKEN'] ?? '');
  await page.locator('button[type=submit]').click();
  await page.waitForURL(/\/audit\?q=outcome/);
  expect(await page.locator('#q').inputValue()).toBe('outcome:failure');
});

it('switches the language and remembers it', async () => {
  const { page } = someone;
  await page.locator('select.language').selectOption('zh-CN');
  await page.getByRole('heading', { name: '审计' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: '审计' }).waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN');
  expect(someone.errors()).toEqual([]);
});

it('signs out for good', async () => {
  const { page } = someone;
  await page.getByRole('button', { name: '退出' }).click();
  await page.waitForURL(/\/sign-in/);
  await someone.open('/sessions');
  await page.waitForURL(/\/sign-in\?back=/);
});
