import { afterAll, beforeAll, expect, it } from 'vitest';
import { fits, reader, type Reader } from './reader';
import { drawn, playedTo, sessions } from './recorded';

let someone: Reader;
beforeAll(async () => {
  someone = await reader();
});
afterAll(() => someone.close());

const ids = (): Promise<string[]> => sessions(someone.page);

it('runs no script of the recorded page and asks nobody else', async () => {
  const own = new URL(process.env['HINDSIGHT_URL'] ?? '').host;
  const foreign: string[] = [];
  someone.page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.host !== own) foreign.push(request.url());
  });
  for (const id of await ids()) {
    await someone.open(`/replays/${id}`);
    const iframe = someone.page.locator('.replayer-wrapper iframe');
    await iframe.waitFor();
    expect(await iframe.getAttribute('sandbox')).toBe('allow-same-origin');
    expect(await iframe.getAttribute('title')).toBeTruthy();
  }
  expect(foreign).toEqual([]);
});

it('shows the recorded page, its marks and its events', async () => {
  const [id] = await ids();
  await someone.open(`/replays/${id ?? ''}?at=20000`);
  await expect.poll(() => drawn(someone.page), { timeout: 20_000 }).toBeGreaterThan(0);
  await someone.page.locator('.timeline .mark').first().waitFor();
  await someone.page.locator('.inspector .entry').first().waitFor();
  await someone.axe();
  await someone.shot('replay');
});

it('moves on the clock while playing, and stops', async () => {
  const [id] = await ids();
  await someone.open(`/replays/${id ?? ''}?at=3000`);
  const now = (): Promise<number> => playedTo(someone.page);
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
  for (const id of await ids()) {
    const manifest = (await (await someone.page.request.get(`/v1/replays/${id}`)).json()) as Frames;
    const border = manifest.frames.filter(({ keyframe }) => keyframe)[1];
    if (!border) continue;
    const second = Math.floor((border.from_ms - manifest.started_at_ms) / 1000);
    await someone.open(`/replays/${id}?at=${String(Math.max(0, second - 1) * 1000)}`);
    await expect.poll(() => drawn(someone.page), { timeout: 20_000 }).toBeGreaterThan(0);
    await someone.page.getByRole('button', { name: 'Play', exact: true }).click();
    const now = (): Promise<number> => playedTo(someone.page);
    await expect.poll(now, { timeout: 15_000 }).toBeGreaterThan(second + 1);
    expect(await drawn(someone.page)).toBeGreaterThan(0);
    expect({ id, errors: someone.errors() }).toEqual({ id, errors: [] });
  }
});

it('seeks by keyboard and by the list of events', async () => {
  const [id] = await ids();
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
  const [id] = await ids();
  await someone.narrow();
  await someone.open(`/replays/${id ?? ''}?at=20000`);
  await someone.page.locator('.replayer-wrapper iframe').waitFor();
  await fits(someone.page);
  await someone.axe();
  await someone.shot('replay-375');
});
