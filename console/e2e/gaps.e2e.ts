/** What a recording lacks is seen. `GAPS` names a session with gaps; the fixture server's damaged one has some. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { reader, type Reader } from './reader';
import { drawn, playedTo } from './recorded';

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

interface Told {
  started_at_ms: number;
  duration_ms: number;
  gaps: { from_ms: number; to_ms: number; reason: string }[];
}

async function withGaps(): Promise<{ id: string; told: Told }> {
  const { request } = someone.page;
  const damaged = await request.get('/v1/sessions?state=damaged&limit=1');
  const list = (await damaged.json()) as { items: { session_id: string }[] };
  const id = process.env['GAPS'] ?? list.items[0]?.session_id;
  if (!id) throw new Error('no session has gaps');
  return { id, told: (await (await request.get(`/v1/replays/${id}`)).json()) as Told };
}

it('shows gaps on the timeline, says why, and plays on behind them', async () => {
  const { id, told } = await withGaps();
  const { page } = someone;
  const gap = told.gaps.find(({ reason }) => reason === 'missing_batches');
  if (!gap) throw new Error('no batches are missing');
  await someone.open(`/replays/${id}`);
  const bars = page.locator('.timeline .track .gap');
  await bars.first().waitFor();
  expect(await bars.count()).toBe(told.gaps.length);
  const titles = await bars.evaluateAll((all) => all.map((bar) => bar.getAttribute('title') ?? ''));
  expect(titles.some((title) => /^batches \d+ to \d+ never arrived$/.test(title))).toBe(true);
  await page.locator('.notices summary').click();
  expect(await page.locator('.notices li').count()).toBe(told.gaps.length);
  await someone.axe();
  await someone.shot('replay-gaps');

  const behind = Math.ceil((gap.to_ms - told.started_at_ms) / 1000) + 1;
  await someone.open(`/replays/${id}?at=${String(behind * 1000)}`);
  await expect.poll(() => drawn(page), { timeout: 20_000 }).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await expect.poll(() => playedTo(page), { timeout: 15_000 }).toBeGreaterThan(behind);
  expect(someone.errors()).toEqual([]);
});
