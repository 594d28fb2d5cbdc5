/** Every session plays, from wherever somebody begins. `SEED` repeats a run, `PLAY` bounds how many sessions. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { reader, type Reader } from './reader';
import { drawn, playedTo, sessions } from './recorded';

const SECONDS_EACH = 5;
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

/** Numbers of [0, 1), the same for one seed (mulberry32). */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Opens a moment and plays on for a second of the recording, or to its end. */
async function playFrom(id: string, second: number, last: number): Promise<void> {
  const { page } = someone;
  await someone.open(`/replays/${id}?at=${String(second * 1000)}`);
  await page.locator('.replayer-wrapper iframe').waitFor();
  await expect.poll(() => drawn(page), { timeout: 20_000 }).toBeGreaterThan(0);
  expect(await playedTo(page)).toBe(second);
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await expect
    .poll(() => playedTo(page), { timeout: 20_000 })
    .toBeGreaterThanOrEqual(Math.min(second + 1, last));
  expect(await drawn(page)).toBeGreaterThan(0);
  expect(await page.locator('.stage .over').allTextContents()).toEqual([]);
}

it(`plays every session at ${String(SECONDS_EACH)} random seconds without an error in the console`, async () => {
  const ids = await sessions(someone.page);
  expect(ids.length).toBeGreaterThan(0);
  console.log(`SEED=${String(seed)} for ${String(ids.length)} sessions`);
  const next = random(seed);
  for (const id of ids.sort()) {
    const manifest = (await (await someone.page.request.get(`/v1/replays/${id}`)).json()) as {
      duration_ms: number;
    };
    const last = Math.floor(manifest.duration_ms / 1000);
    for (let played = 0; played < SECONDS_EACH; played += 1) {
      const second = Math.floor(next() * last);
      try {
        await playFrom(id, second, last);
        expect(someone.errors()).toEqual([]);
      } catch (cause) {
        throw new Error(`session ${id} at second ${String(second)}, SEED=${String(seed)}`, { cause });
      }
    }
  }
}, 3_600_000);
