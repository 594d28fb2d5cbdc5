/** A mini-program's visit against a real server: taken by its app key, found by its order, counted, read back. */
import { expect, it } from 'vitest';
import { MiniWorld } from '../miniWorld';

const setting = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};
const server = setting('HINDSIGHT_URL');
const headers = { authorization: `Bearer ${setting('HINDSIGHT_TOKEN')}` };

const read = async <T>(path: string): Promise<T> =>
  (await (await fetch(`${server}${path}`, { headers })).json()) as T;

it('is taken, found by its order, counted and read back', async () => {
  const order = `O-mini-${String(Date.now())}`;
  const mini = new MiniWorld('wx');
  mini.hindsight.start({ server, key: setting('HINDSIGHT_APP_KEY'), source: 'mini-test', release: '1.4.0' });
  mini.open('pages/cart/cart', { id: '17' });
  mini.hindsight.identify({ user_id: 'u-17', user_name: 'li' });
  mini.hindsight.reference('order', order);
  await mini.tap('pay');
  await expect.poll(() => mini.hindsight.status().kept ?? 0, { timeout: 15_000 }).toBeGreaterThan(0);
  const session = mini.hindsight.session_id ?? '';
  mini.hindsight.end('paid');

  interface Found {
    items: { session_id: string; user_id: string; clicks: number; source: string; pages: number }[];
  }
  const find = async (): Promise<Found['items']> =>
    (await read<Found>(`/v1/sessions?reference=order:${order}`)).items;
  await expect.poll(async () => (await find())[0]?.clicks, { timeout: 30_000 }).toBe(1);
  expect((await find())[0]).toMatchObject({
    session_id: session,
    user_id: 'u-17',
    source: 'mini-test',
    pages: 1,
  });
  const { frames } = await read<{ frames: { keyframe: boolean }[] }>(`/v1/replays/${session}`);
  expect(frames.some(({ keyframe }) => keyframe)).toBe(false);
  const events = await (await fetch(`${server}/v1/replays/${session}/events`, { headers })).text();
  expect(events).toContain('/pages/cart/cart?id=*');
});
