import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Response } from '../src/answer.ts';
import { FIRST_MS, HOLD_MS, MOST_MS } from '../src/backoff.ts';
import { Courier } from '../src/courier.ts';
import type { Transport } from '../src/http-transport.ts';
import { SpillStore } from '../src/spill-store.ts';

/** The courier turn by turn, with a clock and an edge of the test. */

let folder: string;
let now: number;
let sent: string[];
let open: ((response: Response) => void)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hindsight-'));
  now = 1_000_000;
  sent = [];
  open = [];
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

function courier(
  spill: SpillStore | undefined,
  memoryBytes: number,
  inFlight: number,
  transport: Transport = (lines) => {
    sent.push(lines.toString().trim().replaceAll('\n', ' '));
    return new Promise((done) => open.push(done));
  },
): Courier {
  return new Courier({
    rule: { events: 2, bytes: 1_000, waitMs: 5_000 },
    memoryBytes,
    inFlight,
    spill,
    nowMs: () => now,
    random: () => 0.5,
    log: silent,
    transport,
  });
}

function give(to: Courier, ...events: string[]): void {
  for (const event of events) to.offer({ line: Buffer.from(event), at: now });
}

async function answer(to: Courier, request: number, status: number, body = ''): Promise<void> {
  open[request]?.({ status, body });
  // The answer becomes a message in the next turn of the event loop.
  await new Promise((done) => setImmediate(done));
  await to.turn();
}

const kept = (events: number): string => JSON.stringify({ accepted: events, errors: [] });

async function withStore<T>(bytes: number, use: (store: SpillStore) => Promise<T>): Promise<T> {
  const store = await SpillStore.open(folder, bytes);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

describe('the courier', () => {
  it('takes everything to disk while the edge is away, and back in order', () =>
    withStore(10_000, async (spill) => {
      const one = courier(spill, 10_000, 2);
      give(one, '1', '2');
      await one.turn();
      await answer(one, 0, 503);
      give(one, '3', '4', '5', '6');
      await one.turn();
      expect(sent).toEqual(['1 2']);
      expect(one.waiting).toBe(0);
      now += FIRST_MS;
      await one.turn();
      expect(sent).toEqual(['1 2', '1 2']);
      await answer(one, 1, 0);
      now += MOST_MS;
      await one.turn();
      await answer(one, 2, 202, kept(2));
      expect(sent).toEqual(['1 2', '1 2', '1 2', '3 4 5 6']);
      await answer(one, 3, 202, kept(4));
      expect(spill.pendingBytes).toBe(0);
      expect(one.counters.kept).toBe(6);
    }));

  it('leaves to the next process what was on its way and what waited', async () => {
    await withStore(10_000, async (spill) => {
      const one = courier(spill, 10_000, 1);
      give(one, '1', '2', '3');
      await one.turn();
      const end = one.end();
      await one.turn();
      expect(await end).toBe(true);
    });
    await withStore(10_000, async (spill) => {
      await courier(spill, 10_000, 2).turn();
      expect(sent).toEqual(['1 2', '1 2', '3']);
    });
  });

  it('fills memory to the half, then the disk, while the edge is slow', () =>
    withStore(10_000, async (spill) => {
      const one = courier(spill, 8, 1);
      give(one, '1', '2', '3', '4');
      await one.turn();
      expect(one.waiting).toBe(2);
      give(one, '5', '6');
      await one.turn();
      expect(one.waiting).toBe(0);
      await answer(one, 0, 202, kept(2));
      expect(sent).toEqual(['1 2', '3 4 5 6']);
    }));

  it('loses the newest without a disk, and counts it', async () => {
    const one = courier(undefined, 4, 1);
    give(one, '1', '2');
    await one.turn();
    await answer(one, 0, 503);
    give(one, '3', '4', '5', '6');
    expect(one.counters.lost).toBe(2);
    now += FIRST_MS;
    await one.turn();
    await answer(one, 1, 202, kept(2));
    await answer(one, 2, 202, kept(2));
    expect(sent).toEqual(['1 2', '1 2', '3 4']);
    expect(one.counters).toEqual({ recorded: 6, kept: 4, refused: 0, lost: 2 });
  });

  it('leaves events in memory where the disk is full', () =>
    withStore(5, async (spill) => {
      const one = courier(spill, 100, 1);
      give(one, '1', '2');
      await one.turn();
      await answer(one, 0, 503);
      give(one, '3', '4');
      await one.turn();
      expect(one.waiting).toBe(2);
      now += FIRST_MS;
      await one.turn();
      await answer(one, 1, 202, kept(2));
      await answer(one, 2, 202, kept(2));
      expect(sent).toEqual(['1 2', '1 2', '3 4']);
      expect(one.counters.lost).toBe(0);
    }));

  it('sets aside what the edge refuses and sends the rest', () =>
    withStore(1_000, async (spill) => {
      const one = courier(spill, 100, 2);
      give(one, '1', '{}');
      await one.turn();
      await answer(one, 0, 400, '{"reason":"not_json"}');
      expect(sent).toEqual(['1 {}', '1', '{}']);
      await answer(one, 1, 202, kept(1));
      await answer(one, 2, 422, '{"reason":"invalid_audit","detail":"no action"}');
      expect(one.counters).toEqual({ recorded: 2, kept: 1, refused: 1, lost: 0 });
      expect(one.isAway).toBe(false);
      const refused = await readFile(join(folder, 'node-0/refused.jsonl'), 'utf8');
      expect(refused).toBe('{"refused":"status 422 invalid_audit no action","event":{}}\n');
    }));

  it('goes on when the way to the edge itself fails', () =>
    withStore(1_000, async (spill) => {
      const one = courier(spill, 100, 2, () => Promise.reject(new Error('broken')));
      give(one, '1', '2');
      await one.turn();
      await new Promise((done) => setImmediate(done));
      await one.turn();
      expect(one.isAway).toBe(true);
      expect(spill.pendingBytes).toBe(4);
    }));

  it('loses nothing by a wrong key', () =>
    withStore(1_000, async (spill) => {
      const one = courier(spill, 100, 2);
      give(one, '1', '2');
      await one.turn();
      await answer(one, 0, 401, '{"reason":"unknown_key"}');
      now += MOST_MS - 1;
      await one.turn();
      expect(sent).toHaveLength(1);
      now += HOLD_MS;
      await one.turn();
      await answer(one, 1, 202, kept(2));
      expect(one.counters.kept).toBe(2);
    }));
});

describe('the spill folder', () => {
  const all = async (store: SpillStore): Promise<string[]> => {
    const lines: string[] = [];
    for (let file; (file = store.next());) lines.push(...(await store.read(file)).map(String));
    return lines;
  };

  it('holds its bound and uses freed room', () =>
    withStore(10, async (store) => {
      expect(await store.keep([Buffer.from('1234'), Buffer.from('56')])).toBe(true);
      expect(await store.keep([Buffer.from('78')])).toBe(false);
      const oldest = store.next();
      if (oldest) await store.remove(oldest);
      expect(await store.keep([Buffer.from('78')])).toBe(true);
    }));

  it('knows no half-written batch', async () => {
    await withStore(100, (store) => store.keep([Buffer.from('1')]));
    await writeFile(join(folder, 'node-0/0000000000009-x-00000000.jsonl.half'), '2\n');
    await withStore(100, async (store) => {
      expect(await all(store)).toEqual(['1']);
    });
  });

  it('gives each process a place, and the next takes over what both left', async () => {
    await withStore(100, (one) =>
      withStore(100, async (two) => {
        await one.keep([Buffer.from('1')]);
        await two.keep([Buffer.from('2')]);
        expect(await all(two)).toEqual(['2']);
      }),
    );
    await withStore(100, async (next) => {
      expect((await all(next)).sort()).toEqual(['1', '2']);
    });
  });

  it('finds operations without an end again', async () => {
    await withStore(1_000, async (store) => {
      const journal = store.journal();
      const ended = await journal.begin('a', '{"a":"unknown"}');
      await journal.begin('b', '{"b":"unknown"}');
      await journal.complete(ended, 'a', '{"a":"success"}');
    });
    const [name] = (await readdir(join(folder, 'node-0'))).filter((file) => file.startsWith('strict-'));
    await writeFile(join(folder, 'node-0', name ?? ''), 'A c {"c":1', { flag: 'a' });
    await withStore(1_000, async (store) => {
      expect(await all(store)).toEqual(['{"a":"success"}', '{"b":"unknown"}']);
    });
  });

  it('drops the journal when its operations are kept elsewhere', () =>
    withStore(1 << 20, async (store) => {
      const journal = store.journal();
      await Promise.all(
        Array.from({ length: 200 }, async (_, number) => {
          const entry = await journal.begin(`id${String(number)}`, '{}');
          await journal.complete(entry, `id${String(number)}`, '{}');
          entry.done();
        }),
      );
      await journal.close();
      expect(store.pendingBytes).toBe(0);
    }));

  it('lets nothing begin at its bound, but end what began', () =>
    withStore(30, async (store) => {
      const journal = store.journal();
      const entry = await journal.begin('a', '{"long":"long long"}');
      await expect(journal.begin('b', '{"long":"long"}')).rejects.toThrow('at its bound of 30 bytes');
      await journal.complete(entry, 'a', '{"long":"long long long"}');
    }));
});
