import { afterAll, beforeAll, expect, it } from 'vitest';
import { fits, reader, type Reader } from './reader';

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

/** Session ids of the list, at most `PLAY` (default 4): `PLAY=1000` plays whatever is imported. */
async function sessions(): Promise<string[]> {
  const limit = Number(process.env['PLAY'] ?? 4);
  const response = await someone.page.request.get(`/v1/sessions?limit=${String(Math.min(limit, 1000))}`);
  const page = (await response.json()) as { items: { session_id: string }[] };
  return page.items.map(({ session_id }) => session_id);
}

/** Elements in the rebuilt page; the recorded page's own look can't be judged, but an empty one is wrong. */
async function drawn(): Promise<number> {
  const frame = await someone.page.locator('.replayer-wrapper iframe').elementHandle();
  const content = await frame?.contentFrame();
  return (await content?.evaluate(() => document.body.querySelectorAll('*').length)) ?? 0;
}

it('plays every session at 5 random seconds without an error in the console', async () => {
  const ids = await sessions();
  expect(ids.length).toBeGreaterThan(0);
  for (const id of ids) {
    const manifest = (await (await someone.page.request.get(`/v1/replays/${id}`)).json()) as {
      duration_ms: number;
    };
    const seconds = Array.from({ length: 5 }, () =>
      Math.floor((Math.random() * manifest.duration_ms) / 1000),
    );
    for (const second of seconds) {
      await someone.open(`/replays/${id}?at=${String(second * 1000)}`);
      await someone.page.locator('.replayer-wrapper iframe').waitFor();
      await expect.poll(drawn, { timeout: 20_000 }).toBeGreaterThan(0);
      expect({ id, second, errors: someone.errors() }).toEqual({ id, second, errors: [] });
    }
  }
}, 1_800_000);

it('runs no script of the recorded page and asks nobody else', async () => {
  const own = new URL(process.env['HINDSIGHT_URL'] ?? '').host;
  const foreign: string[] = [];
  someone.page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.host !== own) foreign.push(request.url());
  });
  for (const id of await sessions()) {
    await someone.open(`/replays/${id}`);
    const iframe = someone.page.locator('.replayer-wrapper iframe');
    await iframe.waitFor();
    expect(await iframe.getAttribute('sandbox')).toBe('allow-same-origin');
    expect(await iframe.getAttribute('title')).toBeTruthy();
  }
  expect(foreign).toEqual([]);
});

it('shows the recorded page, its marks and its events', async () => {
  const [id] = await sessions();
  await someone.open(`/replays/${id ?? ''}?at=20000`);
  await expect.poll(drawn, { timeout: 20_000 }).toBeGreaterThan(0);
  await someone.page.locator('.timeline .mark').first().waitFor();
  await someone.page.locator('.inspector .entry').first().waitFor();
  await someone.axe();
  await someone.shot('replay');
});

it('moves on the clock while playing, and stops', async () => {
  const [id] = await sessions();
  await someone.open(`/replays/${id ?? ''}?at=3000`);
  const slider = someone.page.getByRole('slider');
  const now = async (): Promise<number> => Number(await slider.getAttribute('aria-valuenow'));
  await expect.poll(now).toBe(3);
  await someone.page.getByRole('button', { name: 'Play', exact: true }).click();
  await expect.poll(now, { timeout: 15_000 }).toBeGreaterThan(4);
  await someone.page.getByRole('button', { name: 'Pause' }).click();
  await expect.poll(() => new URL(someone.page.url()).searchParams.get('at')).not.toBe('3000');
});

it('goes on over the border between two frames', async () => {
  interface Frames {
    started_at_ms: number;
    frames: { from_ms: number; keyframe: boolean }[];
  }
  for (const id of await sessions()) {
    const manifest = (await (await someone.page.request.get(`/v1/replays/${id}`)).json()) as Frames;
    const border = manifest.frames.filter(({ keyframe }) => keyframe)[1];
    if (!border) continue;
    const second = Math.floor((border.from_ms - manifest.started_at_ms) / 1000);
    await someone.open(`/replays/${id}?at=${String(Math.max(0, second - 1) * 1000)}`);
    await expect.poll(drawn, { timeout: 20_000 }).toBeGreaterThan(0);
    await someone.page.getByRole('button', { name: 'Play', exact: true }).click();
    const slider = someone.page.getByRole('slider');
    const now = async (): Promise<number> => Number(await slider.getAttribute('aria-valuenow'));
    await expect.poll(now, { timeout: 15_000 }).toBeGreaterThan(second + 1);
    expect(await drawn()).toBeGreaterThan(0);
    expect({ id, errors: someone.errors() }).toEqual({ id, errors: [] });
  }
});

it('seeks by keyboard and by the list of events', async () => {
  const [id] = await sessions();
  await someone.open(`/replays/${id ?? ''}?at=0`);
  const slider = someone.page.getByRole('slider');
  await someone.page.locator('.replayer-wrapper iframe').waitFor();
  await slider.focus();
  await someone.page.keyboard.press('ArrowRight');
  await expect.poll(() => slider.getAttribute('aria-valuenow')).toBe('5');

  const entry = someone.page.locator('.inspector .entry').last();
  const at = await entry.locator('.at').textContent();
  await entry.click();
  await expect.poll(() => someone.page.getByTestId('time').textContent()).toContain(`${at ?? '?'} of`);
  await someone.axe();
  expect(someone.errors()).toEqual([]);
});

it('fits a phone', async () => {
  const [id] = await sessions();
  await someone.narrow();
  await someone.open(`/replays/${id ?? ''}?at=20000`);
  await someone.page.locator('.replayer-wrapper iframe').waitFor();
  await fits(someone.page);
  await someone.axe();
  await someone.shot('replay-375');
});
