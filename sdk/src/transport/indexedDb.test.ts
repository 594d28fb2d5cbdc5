import 'fake-indexeddb/auto';
import { expect, it, vi } from 'vitest';
import { IndexedDbStore, STORE_AGE_MS } from './indexedDb';
import { nameOf, type Packet } from './outbox';

const packet = (seq: number, bytes = 10): Packet => ({
  session: 's',
  tab: 't',
  seq,
  body: new Uint8Array(bytes).fill(seq),
  encoding: 'gzip',
  events: 1,
  fromMs: 0,
  toMs: 0,
  keep: true,
});

let databases = 0;
const fresh = (): string => `test-${String(databases++)}`;

it('gives the next page what this one left, in order, with the same bytes', async () => {
  const name = fresh();
  const before = new IndexedDbStore('door', () => 1_000, undefined, name);
  for (const seq of [0, 1, 2]) before.put(packet(seq));
  before.remove(packet(1));
  const after = new IndexedDbStore('door', () => 2_000, undefined, name);
  await vi.waitFor(async () => {
    expect((await after.leftovers()).map(nameOf)).toEqual(['s/t/0', 's/t/2']);
  });
  expect(Array.from((await after.leftovers())[1]?.body ?? [])).toEqual(Array.from(packet(2).body));
});

it('forgets after a day, and gives nobody what is for another server or key', async () => {
  const name = fresh();
  const store = new IndexedDbStore('door', () => 0, undefined, name);
  store.put(packet(0));
  expect(await new IndexedDbStore('other', () => 1, undefined, name).leftovers()).toEqual([]);
  expect((await store.leftovers()).length).toBe(1);
  const late = new IndexedDbStore('door', () => STORE_AGE_MS + 1, undefined, name);
  expect(await late.leftovers()).toEqual([]);
  expect(await store.leftovers()).toEqual([]);
});

it('keeps at most 5 MB: the oldest makes room, and that is told', async () => {
  const dropped: string[] = [];
  const store = new IndexedDbStore(
    'door',
    () => 0,
    (each) => dropped.push(each),
    fresh(),
  );
  for (const seq of [0, 1, 2]) store.put(packet(seq, 2_000_000));
  expect(dropped).toEqual(['s/t/0']);
  expect((await store.leftovers()).map(nameOf)).toEqual(['s/t/1', 's/t/2']);
});

it('has a packet that is put again once, as it is now', async () => {
  const dropped: string[] = [];
  const store = new IndexedDbStore(
    'door',
    () => 0,
    (each) => dropped.push(each),
    fresh(),
  );
  store.put({ ...packet(0, 2_000_000), held: true });
  store.put(packet(0, 2_000_000));
  store.put(packet(1, 2_000_000));
  expect(dropped).toEqual([]);
  expect((await store.leftovers()).map(({ seq, held }) => [seq, held])).toEqual([
    [0, undefined],
    [1, undefined],
  ]);
});

it('says why it keeps nothing where the browser forbids it, and fails nobody', async () => {
  const open = vi.spyOn(indexedDB, 'open').mockImplementation(() => {
    throw new DOMException('no', 'SecurityError');
  });
  const store = new IndexedDbStore('door', () => 0, undefined, fresh());
  store.put(packet(0));
  expect(await store.leftovers()).toEqual([]);
  expect(store.state).toBe('forbidden');
  open.mockRestore();
});
