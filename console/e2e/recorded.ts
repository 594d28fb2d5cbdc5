/** The sessions that the server has, and what the player draws of them. */
import type { Page } from 'playwright-core';

/** Session ids of the list, at most `PLAY` (default 4): `PLAY=1000` takes whatever is imported. */
export async function sessions(page: Page): Promise<string[]> {
  const limit = Number(process.env['PLAY'] ?? 4);
  const response = await page.request.get(`/v1/sessions?limit=${String(Math.min(limit, 1000))}`);
  const list = (await response.json()) as { items: { session_id: string }[] };
  return list.items.map(({ session_id }) => session_id);
}

/** Elements in the rebuilt page; the recorded page's own look can't be judged, but an empty one is wrong. */
export async function drawn(page: Page): Promise<number> {
  const frame = await page.locator('.replayer-wrapper iframe').elementHandle();
  const content = await frame?.contentFrame();
  return (await content?.evaluate(() => document.body.querySelectorAll('*').length)) ?? 0;
}

/** Seconds on the player's clock. */
export async function playedTo(page: Page): Promise<number> {
  return Number(await page.getByRole('slider').getAttribute('aria-valuenow'));
}
