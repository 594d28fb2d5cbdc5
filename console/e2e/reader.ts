/**
 * A person at a browser: one Chromium for a test file, a page that is signed in, and what went wrong in its console.
 * `CHROMIUM` names another browser binary; `SCREENS` the folder for screenshots, without which none are taken.
 */
import AxeBuilder from '@axe-core/playwright';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { expect } from 'vitest';

const WIDE = { width: 1280, height: 860 };
const NARROW = { width: 375, height: 740 };
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const screens = process.env['SCREENS'];

export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

export interface Reader {
  page: Page;
  /** Errors in the browser's console and uncaught exceptions since the last call. */
  errors: () => string[];
  open: (path: string) => Promise<void>;
  shot: (name: string) => Promise<void>;
  /** axe on the page as it stands; the recorded page inside the replay is not ours to judge. */
  axe: () => Promise<void>;
  narrow: () => Promise<void>;
  close: () => Promise<void>;
}

export async function reader(
  options: { language?: string; dark?: boolean; signIn?: boolean } = {},
): Promise<Reader> {
  const browser: Browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: FLAGS,
  });
  const context = await browser.newContext({
    baseURL: setting('HINDSIGHT_URL'),
    viewport: WIDE,
    locale: options.language ?? 'en-US',
    colorScheme: options.dark ? 'dark' : 'light',
    timezoneId: 'Asia/Shanghai',
  });
  const page = await context.newPage();
  let found: string[] = [];
  page.on('console', (message) => {
    // A refused sign-in is a 401, which the browser itself logs.
    if (message.type() === 'error' && !message.text().includes('status of 401')) found.push(message.text());
  });
  page.on('pageerror', (error) => found.push(error.message));
  const self: Reader = {
    page,
    errors: () => found.splice(0),
    async open(path) {
      await page.goto(path);
    },
    async shot(name) {
      if (!screens) return;
      mkdirSync(screens, { recursive: true });
      // Hiding the caret would put a style into the page, which a strict policy reports as an error of the page.
      await page.screenshot({ path: join(screens, `${name}.png`), caret: 'initial' });
    },
    async axe() {
      const results = await new AxeBuilder({ page }).exclude('.replayer-wrapper iframe').analyze();
      const brief = results.violations.map(({ id, nodes }) => ({
        id,
        where: nodes.map(({ html }) => html.slice(0, 160)),
      }));
      expect(brief).toEqual([]);
    },
    narrow: () => page.setViewportSize(NARROW),
    close: () => browser.close(),
  };
  if (options.signIn ?? true) await signIn(page);
  found = [];
  return self;
}

export async function signIn(page: Page): Promise<void> {
  await page.goto('/sign-in');
  await page.locator('#token').fill(setting('HINDSIGHT_TOKEN'));
  await page.locator('button[type=submit]').click();
  await page.waitForURL(/\/(sessions|audit|replays|sql|r)\b/);
}

/** No sideways scrolling: the page fits the width of the screen. */
export async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(over).toBeLessThanOrEqual(0);
}
