/** What a test file of this folder has: one browser, and for each test an edge and a site of its own. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import type { Hindsight } from '../src/api';
import { Edge } from './edge';
import { browse, Site } from './site';

export interface World {
  browser: Browser;
  edge: Edge;
  site: Site;
}

export function world(args: string[] = []): World {
  const here = {} as World;
  beforeAll(async () => {
    here.browser = await browse(args);
  });
  afterAll(() => here.browser.close());
  beforeEach(async () => {
    [here.edge, here.site] = await Promise.all([Edge.start(), Site.start()]);
  });
  afterEach(async () => {
    await Promise.all([here.edge.stop(), here.site.stop()]);
  });
  return here;
}

/** Calls `window.hindsight` in the page. */
export const call = (page: Page, name: keyof Hindsight, ...args: unknown[]): Promise<unknown> =>
  page.evaluate(
    ([method, values]) => {
      const api = (window as unknown as { hindsight: Record<string, (...values: unknown[]) => unknown> })
        .hindsight;
      return api[method as string]?.(...(values as unknown[]));
    },
    [name, args] as const,
  );

export const sessionOf = (page: Page): Promise<string | undefined> =>
  page.evaluate(() => (window as unknown as { hindsight?: Hindsight }).hindsight?.session_id);

/** There is a picture. */
export const hasKeyframe = (edge: Edge): boolean => edge.events().some(({ type }) => type === 2);
