import { expect, it } from 'vitest';
import type { Packet } from '../../src/transport/outbox';
import { Shelf, STORED_CHARS, STORED_MS, StoredPackets } from '../src/storage';
import { FakeHost } from './fakeHost';

const packet = (seq: number, chars = 10): Packet<string> => ({
  session: 's',
  tab: 't',
  seq,
  body: 'x'.repeat(chars),
  encoding: 'identity',
  events: 1,
  fromMs: 0,
  toMs: 0,
  keep: true,
});

function store(now: () => number = () => 0, door = 'door', host = new FakeHost()) {
  const dropped: number[] = [];
  const packets = new StoredPackets(new Shelf(host.world.host), door, now, () => dropped.push(now()));
  return { host, packets, dropped };
}

const seqs = async (packets: StoredPackets): Promise<number[]> =>
  (await packets.leftovers()).map(({ seq }) => seq);

it('gives the next launch what this one left, for the same server and key', async () => {
  const { host, packets } = store();
  for (const seq of [0, 1, 2]) packets.put(packet(seq));
  packets.remove(packet(1));
  expect(await seqs(store(() => 1, 'door', host).packets)).toEqual([0, 2]);
  expect(await seqs(store(() => 1, 'other', host).packets)).toEqual([]);
});

it('forgets after a day, and all when asked to', async () => {
  const { host, packets } = store();
  packets.put(packet(0));
  expect(await seqs(store(() => STORED_MS + 1, 'door', host).packets)).toEqual([]);
  packets.put(packet(1));
  packets.clear();
  expect([await seqs(packets), [...host.storage.keys()]]).toEqual([[], ['hindsight.packets']]);
});

it('keeps a bounded number of characters: the oldest makes room, and that is told', async () => {
  const { packets, dropped } = store();
  for (const seq of [0, 1, 2]) packets.put(packet(seq, STORED_CHARS * 0.4));
  expect([await seqs(packets), dropped.length]).toEqual([[1, 2], 1]);
});

it('has a packet that is put again once, as it is now', async () => {
  const { packets, dropped } = store();
  packets.put({ ...packet(0, STORED_CHARS * 0.4), held: true });
  packets.put(packet(0, STORED_CHARS * 0.4));
  packets.put(packet(1, STORED_CHARS * 0.4));
  expect([await seqs(packets), dropped.length]).toEqual([[0, 1], 0]);
  expect((await packets.leftovers()).some(({ held }) => held)).toBe(false);
});
