/**
 * What a call costs the caller, beside the same order without a client, and beside reading it as JSON without masking; and
 * whether the events arrive. `tools/bench-clients` runs it; what was found goes to the file `HINDSIGHT_FIGURES`, one JSON
 * object a line, from which the report is made.
 */
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { type AuditEvent, HindsightClient } from '../src/index.ts';
import { RealEdge } from '../test/real-edge.ts';

const RATE = 5_000;
const SECONDS = 10;

const order = (state: string) => ({
  id: 'O-20261122-1001',
  state,
  customer: 'u-17',
  createdAt: '1970-01-01T00:00:00Z',
  amount: '318.60',
  currency: 'CNY',
  cardNumber: '4111111111111111',
  address: '南京西路 1 号, 上海',
  gift: false,
  lines: [
    { product: 'stool, oak', count: 2, price: '64.95' },
    { product: '桌子', count: 1, price: '129.00' },
    { product: 'lamp', count: 3, price: '19.90' },
  ],
});

const event = (before: object, after: object): AuditEvent => ({
  action: 'order.refund',
  operation: 'update',
  actor: { type: 'user', id: 'u-17', name: 'li' },
  targets: [{ type: 'order', id: 'O-20261122-1001' }],
  references: [{ type: 'order', id: 'O-20261122-1001' }],
  measures: { amount: 29.9 },
  before,
  after,
});

/** Times each call, ten and then a pause, so many a second. */
async function time(calls: number, work: () => unknown): Promise<Record<string, number>> {
  const took = new Float64Array(calls);
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) {
    if (call % 10 === 0) {
      const early = start + (call * 1_000) / RATE - performance.now();
      // The background work of the client runs in this pause, as it does between a service's requests.
      await pause(Math.max(0, early));
    }
    const before = performance.now();
    work();
    took[call] = 1_000 * (performance.now() - before);
  }
  const mean = took.reduce((sum, each) => sum + each, 0) / calls;
  took.sort();
  const at = (share: number) => took[Math.floor(calls * share)] ?? 0;
  return { calls, mean_us: mean, p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999) };
}

async function tell(figure: string, values: Record<string, number>): Promise<void> {
  const line = JSON.stringify({ client: 'node', figure, ...values });
  console.log(line);
  const file = process.env.HINDSIGHT_FIGURES;
  if (file) await appendFile(file, `${line}\n`);
}

const folder = await mkdtemp(join(tmpdir(), 'hindsight-bench-'));
const edge = await RealEdge.start(folder);
const client = await HindsightClient.start({
  url: edge.url,
  key: edge.writeKey,
  spillFolder: join(folder, 'spill'),
  memoryBytes: 256 << 20,
});
const [before, after] = [order('paid'), order('refunded')];
await time(RATE, () => {
  client.record(event(before, after));
});
await tell('without_client', await time(RATE * SECONDS, () => order('refunded')));
await tell('json_alone', await time(RATE * SECONDS, () => JSON.stringify(before) + JSON.stringify(after)));
const recorded = client.stats().recorded;
const start = performance.now();
await tell(
  'call',
  await time(RATE * SECONDS, () => {
    client.record(event(before, after));
  }),
);
await client.flush(180_000);
const seconds = (performance.now() - start) / 1_000;
const stats = client.stats();
await tell('kept', { per_s: (stats.kept - recorded) / seconds, lost: stats.lost });
await client.close();
await edge.close();
await rm(folder, { recursive: true });
