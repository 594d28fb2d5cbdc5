/** The sessions that the server has, and what the player draws of them. */
import type { Page } from 'playwright-core';
import type { Manifest } from '../src/api/types';
import { hasPicture } from '../src/replay/story';

const WITHOUT_PICTURE = 20;

/** Sessions with a picture and something to play, at most `PLAY` (default 4): `PLAY=1000` takes whatever is imported. */
export async function sessions(page: Page): Promise<string[]> {
  const most = Math.min(Number(process.env['PLAY'] ?? 4), 1000);
  // Some have none: of mini-programs, and of pages that were left before their first keyframe.
  const limit = Math.min(most + WITHOUT_PICTURE, 1000);
  const response = await page.request.get(`/v1/sessions?limit=${String(limit)}`);
  const list = (await response.json()) as {
    items: { session_id: string; duration_ms: number }[];
  };
  const found: string[] = [];
  for (const { session_id, duration_ms } of list.items) {
    if (found.length === most) break;
    if (duration_ms === 0) continue;
    const manifest = (await (await page.request.get(`/v1/replays/${session_id}`)).json()) as Manifest;
    if (hasPicture(manifest)) found.push(session_id);
  }
  return found;
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
