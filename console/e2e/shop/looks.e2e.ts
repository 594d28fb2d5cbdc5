/** The shop's pages on a wide screen and on a phone, in both languages: they fit, and axe has nothing to say. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fits, reader, setting, type Reader } from '../reader';
import { GOOD_CARD, Shopper } from './visits';

let someone: Reader;
beforeAll(async () => {
  someone = await reader({ signIn: false });
});
afterAll(() => someone.close());

async function judge(name: string): Promise<void> {
  await fits(someone.page);
  await someone.axe();
  await someone.shot(name);
}

async function visitAll(suffix: string): Promise<void> {
  const visitor = new Shopper(someone.page, setting('HINDSIGHT_URL'));
  await visitor.open();
  await judge(`shop${suffix}`);
  await visitor.putInCart('kettle', 1);
  await judge(`shop-cart${suffix}`);
  await visitor.open('account');
  await judge(`shop-account${suffix}`);
  await visitor.open('cart');
  const order = await visitor.checkOut();
  await visitor.fillCard(GOOD_CARD);
  await judge(`shop-checkout${suffix}`);
  await visitor.pay();
  await judge(`shop-order${suffix}`);
  await visitor.signIn('s-301');
  await visitor.openAtDesk(order);
  await judge(`shop-desk${suffix}`);
  await visitor.signOut();
  expect(someone.errors()).toEqual([]);
}

it('is fit for a wide screen, in English', () => visitAll(''));

it('is fit for a phone, in Chinese', async () => {
  await someone.narrow();
  await someone.open('/demo/');
  await someone.page.getByRole('button', { name: '中文' }).click();
  await someone.page.getByRole('heading', { name: '少而精的好物。' }).waitFor();
  await visitAll('-375');
});
