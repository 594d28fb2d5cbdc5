import { expect, it } from 'vitest';
import type { Answer } from './answer';
import { nameOf, Outbox, type OutboxOptions, type Packet } from './outbox';
import { noStore } from './store';

const KEPT: Answer = { status: 202, retryAfter: null, body: { accepted: 1, level: 'L4', now_ms: 1 } };
const AWAY: Answer = { status: 503, retryAfter: null, body: {} };

const packet = (seq: number, more: Partial<Packet> = {}): Packet => ({
  session: 's',
  tab: 't',
  seq,
  body: new Uint8Array(10),
  encoding: 'gzip',
  events: 1,
  fromMs: 0,
  toMs: 0,
  keep: true,
  ...more,
});

/** An outbox over a server that answers from a list (then: kept), and a clock that is turned by hand. */
function world(answers: Answer[] = [], more: Partial<OutboxOptions> = {}) {
  const told: string[] = [];
  const posted: { name: string; body: Uint8Array; leaving: boolean }[] = [];
  const stored = new Map<string, Packet>();
  const tasks: { task: () => void; ms: number }[] = [];
  const outbox = new Outbox({
    bytes: 1_000,
    lastBytes: 25,
    post: (sent, leaving) => {
      posted.push({ name: nameOf(sent), body: sent.body, leaving });
      return Promise.resolve(answers.shift() ?? KEPT);
    },
    store: {
      ...noStore('ok'),
      // As real ones do: what is stored is a copy.
      put: (each) => stored.set(nameOf(each), { ...each }),
      remove: (each) => stored.delete(nameOf(each)),
    },
    now: () => 0,
    chance: () => 0,
    later: (task, ms) => {
      const entry = { task, ms };
      tasks.push(entry);
      return () => tasks.splice(tasks.indexOf(entry), 1);
    },
    kept: (sent) => told.push(`kept ${String(sent.seq)}`),
    lost: (sent, reason) => told.push(`lost ${String(sent.seq)} ${reason}`),
    session: ({ reason }) => told.push(`session ${reason}`),
    stop: (reason) => told.push(`stop ${reason}`),
    failing: (attempts) => told.push(`failing ${String(attempts)}`),
    ...more,
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  const tick = async () => {
    tasks.shift()?.task();
    await settle();
  };
  return { outbox, told, posted, stored, tasks, settle, tick };
}

it('sends in order, one at a time, and forgets what is kept', async () => {
  const { outbox, told, posted, stored, settle } = world();
  for (const seq of [0, 1, 2]) outbox.push(packet(seq));
  expect(posted.length).toBe(1);
  await settle();
  expect(told).toEqual(['kept 0', 'kept 1', 'kept 2']);
  expect([outbox.pending, stored.size]).toEqual([0, 0]);
});

it('repeats the same identity and bytes until there is an answer, and waits longer each time', async () => {
  const { outbox, told, posted, tasks, settle, tick } = world([AWAY, { ...AWAY, status: 0 }, AWAY]);
  const first = packet(0);
  outbox.push(first);
  outbox.push(packet(1));
  await settle();
  const waits = [];
  while (tasks.length) {
    waits.push(tasks[0]?.ms);
    await tick();
  }
  expect(waits).toEqual([500, 1_000, 2_000]);
  expect(posted.map(({ name }) => name)).toEqual(['s/t/0', 's/t/0', 's/t/0', 's/t/0', 's/t/1']);
  expect(posted.slice(0, 4).every(({ body }) => body === first.body)).toBe(true);
  expect(told).toEqual(['failing 1', 'failing 2', 'failing 3', 'failing 0', 'kept 0', 'kept 1']);
});

it('goes on behind a batch that is refused for good, and says what was lost', async () => {
  const { outbox, told, settle } = world([{ status: 413, retryAfter: null, body: { reason: 'too_large' } }]);
  outbox.push(packet(0));
  outbox.push(packet(1));
  await settle();
  expect(told).toEqual(['lost 0 too_large', 'kept 1']);
});

it('drops a session that is out of time whole, and no other', async () => {
  const gone: Answer = { status: 422, retryAfter: null, body: { reason: 'session_time', now_ms: 9 } };
  const { outbox, told, posted, settle } = world([gone]);
  outbox.push(packet(0));
  outbox.push(packet(1));
  outbox.push(packet(0, { session: 'next' }));
  await settle();
  expect(told).toEqual(['session session_time', 'kept 0']);
  expect(posted.map(({ name }) => name)).toEqual(['s/t/0', 'next/t/0']);
});

it('stops for a wrong key, and takes nothing more', async () => {
  const { outbox, told, stored, posted, settle } = world([
    { status: 403, retryAfter: null, body: { reason: 'wrong_origin' } },
  ]);
  outbox.push(packet(0));
  outbox.push(packet(1));
  await settle();
  outbox.push(packet(2));
  expect(told).toEqual(['stop wrong_origin']);
  expect([posted.length, stored.size, outbox.pending]).toEqual([1, 0, 0]);
});

it('bounds what waits: pointer detail goes first, then the oldest, each told', async () => {
  const never = new Promise<Answer>(() => undefined);
  const { outbox, told } = world([], { bytes: 30, post: () => never });
  outbox.push(packet(0));
  outbox.push(packet(1, { keep: false }));
  outbox.push(packet(2));
  outbox.push(packet(3));
  expect(told).toEqual(['lost 1 queue_full']);
  outbox.push(packet(4));
  expect(told).toEqual(['lost 1 queue_full', 'lost 2 queue_full']);
  expect(outbox.bytes).toBeLessThanOrEqual(30);
  await Promise.resolve();
});

it('hands the browser on leaving what it takes, once, oldest first', async () => {
  const { outbox, posted, settle } = world([], {
    post: (sent, leaving) => {
      posted.push({ name: nameOf(sent), body: sent.body, leaving });
      return new Promise(() => undefined);
    },
  });
  for (const seq of [0, 1, 2]) outbox.push(packet(seq));
  outbox.leave();
  outbox.leave();
  await settle();
  // 25 bytes of room: the first is on its way and takes ten of them, the third has to wait for the next page.
  expect(posted.map(({ name, leaving }) => [name, leaving])).toEqual([
    ['s/t/0', false],
    ['s/t/1', true],
  ]);
});

it('holds a session back until it is worth keeping, then stores its packets like any other', async () => {
  const { outbox, told, posted, stored, settle } = world([KEPT, AWAY]);
  outbox.hold('s');
  outbox.push(packet(0));
  outbox.push(packet(1, { keep: false }));
  outbox.push(packet(7, { session: 'before' }));
  outbox.leave();
  await settle();
  expect(told).toEqual(['kept 7']);
  expect(stored.get('s/t/0')?.held).toBe(true);
  outbox.hold();
  await settle();
  expect(posted.map(({ name }) => name)).toEqual(['before/t/7', 's/t/0']);
  expect([...stored.keys()]).toEqual(['s/t/0']);
  expect(stored.get('s/t/0')?.held).toBeFalsy();
});

it('sends nothing of a session that was dropped, whatever is released later', async () => {
  const { outbox, told, stored, settle } = world();
  outbox.hold('s');
  outbox.push(packet(0));
  outbox.push(packet(1, { keep: false }));
  expect(outbox.drop().map(({ seq }) => seq)).toEqual([0, 1]);
  outbox.hold('next');
  outbox.push(packet(8, { session: 'next' }));
  outbox.hold();
  await settle();
  expect(told).toEqual(['kept 8']);
  expect([outbox.pending, stored.size, outbox.drop()]).toEqual([0, 0, []]);
});

it('takes what an earlier page held for this visit as its own packets', async () => {
  const { outbox, told, stored, settle } = world([AWAY]);
  outbox.hold('s');
  outbox.adopt([packet(0, { held: true, tab: 'before' })]);
  await settle();
  expect(told).toEqual([]);
  outbox.hold();
  outbox.adopt([packet(1, { held: true, tab: 'before' })]);
  await settle();
  expect(told).toEqual(['failing 1']);
  expect([...stored.values()].map(({ seq, held }) => [seq, Boolean(held)])).toEqual([
    [0, false],
    [1, false],
  ]);
});

it('keeps only what the next page would miss', () => {
  const { outbox, stored } = world();
  outbox.push(packet(0));
  outbox.push(packet(1, { keep: false }));
  expect([...stored.keys()]).toEqual(['s/t/0']);
});
