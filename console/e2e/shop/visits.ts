/** What visitors of the demo shop do, step by step as they would: by what stands on the page. */
import type { Page } from 'playwright-core';

export interface Card {
  number: string;
  expiry: string;
  code: string;
}

export interface Details {
  phone: string;
  idNumber: string;
  password: string;
}

/** Others than the page itself names, so that where one is found it was typed. */
export const GOOD_CARD: Card = { number: '5555 5555 5555 4444', expiry: '12/30', code: '737' };
export const DECLINED_CARD: Card = { number: '5105 1051 0353 0002', expiry: '11/29', code: '737' };

/** One visitor in one window of a browser. */
export class Shopper {
  constructor(
    readonly page: Page,
    private readonly shop: string,
  ) {}

  async open(path = ''): Promise<void> {
    await this.page.goto(`${this.shop}/demo/${path}`);
    await this.page.locator('main h1').waitFor();
  }

  async signIn(who: string): Promise<void> {
    await this.page.locator('select[name=who]').selectOption(who);
    await this.leads(() => this.page.locator('form[data-send$="sign-in"] button').click());
  }

  async signOut(): Promise<void> {
    await this.leads(() => this.page.locator('form[data-send$="sign-out"] button').click());
  }

  async putInCart(product: string, pieces: number): Promise<void> {
    await this.page.locator(`a[href="/demo/products/${product}"]`).click();
    await type(this.page.locator('#quantity'), String(pieces));
    await this.page.locator('form[data-track="cart.add"] button').click();
    await this.page.waitForURL('**/demo/cart');
  }

  /** Checks out what is in the cart; the order's id. */
  async checkOut(): Promise<string> {
    await this.page.locator('#check-out').click();
    await this.page.waitForURL('**/demo/checkout/*');
    return (await this.page.locator('#order-id').textContent()) ?? '';
  }

  async fillCard({ number, expiry, code }: Card): Promise<void> {
    const frame = this.page.frameLocator('iframe');
    await type(frame.locator('#card'), number);
    await type(frame.locator('#expiry'), expiry);
    await type(frame.locator('#code'), code);
    await this.page.locator('[name=terms]').check();
  }

  async pay(): Promise<void> {
    await this.page.locator('#pay').click();
    await this.page.waitForURL('**/demo/orders/*');
  }

  async payInVain(): Promise<void> {
    await this.page.locator('#pay').click();
    await this.page.locator('#payment > .verdict.bad').waitFor();
  }

  async proveWhoTheyAre({ phone, idNumber, password }: Details): Promise<void> {
    await this.open('account');
    await type(this.page.locator('#phone'), phone);
    await type(this.page.locator('#id-number'), idNumber);
    await type(this.page.locator('#password'), password);
    await this.page.locator('#details button').click();
    await this.page.locator('#details .verdict:not(:empty)').waitFor();
  }

  async openAtDesk(order: string): Promise<void> {
    await this.page.locator(`a[href="/demo/desk/${order}"]`).click();
    await this.page.waitForURL(`**/demo/desk/${order}`);
  }

  /** Gives a line back; when that was clicked, on the visitor's clock. */
  async refundLine(line: number, reason: string): Promise<number> {
    const form = this.page.locator('.lines form.refund').nth(line);
    await form.locator('[name=reason]').fill(reason);
    const clickedAt = await this.page.evaluate(() => Date.now());
    await this.leads(() => form.locator('button').click());
    return clickedAt;
  }

  /** Closes the window as a person does: the recorder sends what it still has. */
  async leave(): Promise<void> {
    await this.page.close({ runBeforeUnload: true });
  }

  /** A click after which another document is there. */
  private async leads(click: () => Promise<void>): Promise<void> {
    await Promise.all([this.page.waitForEvent('load'), click()]);
    await this.page.locator('main h1').waitFor();
  }
}

/**
 * Key by key, as a person does: each stroke is an input that a recorder could tell. Into an empty field: what `fill` writes
 * into a number's stands beside what was there in Firefox.
 */
async function type(
  field: { fill: (text: string) => Promise<void>; pressSequentially: (text: string) => Promise<void> },
  text: string,
): Promise<void> {
  await field.fill('');
  await field.pressSequentially(text);
}
