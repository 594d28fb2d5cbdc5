import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import fastify from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HindsightClient, OperationRefused, type Options } from '../src/index.ts';
import { hindsight as expressVisits } from '../src/express.ts';
import { hindsight as fastifyVisits } from '../src/fastify.ts';
import { RealEdge, until } from './real-edge.ts';

/** Against the real edge: killed and back, the service killed and back; nothing lost, nothing twice. */

let home: string;
let edge: RealEdge;
let folder: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'hindsight-edge-'));
  edge = await RealEdge.start(home);
});

afterAll(async () => {
  await edge.close();
  await rm(home, { recursive: true });
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hindsight-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

function start(more: Partial<Options> = {}): Promise<HindsightClient> {
  const spillFolder = join(folder, 'spill');
  return HindsightClient.start({
    url: edge.url,
    key: edge.writeKey,
    spillFolder,
    batchWaitMs: 200,
    log: silent,
    ...more,
  });
}

/** Each of these events exactly once, also in the rows. */
async function checkOnce(action: string, events: number): Promise<void> {
  expect((await edge.audit(`action:${action}`, events)).total).toBe(events);
  const statement = `SELECT count(), uniqExact(id) FROM audit WHERE action = '${action}'`;
  await until(
    `${String(events)} rows of ${action}`,
    async () => (await edge.sql(statement)) === `${String(events)}\t${String(events)}`,
  );
}

it('loses nothing and sends nothing twice when the edge is killed and comes back', async () => {
  const events = 4_000;
  const client = await start();
  for (let number = 0; number < events; number++) {
    client.record({ action: 'node.killed', targets: [{ type: 'order', id: number }], after: { number } });
    if (number % 100 === 0) await new Promise((done) => setImmediate(done));
    if (number === 1_000) await edge.kill();
    if (number === 3_000) {
      await until('away', () => client.stats().isAway);
      await edge.restart();
    }
  }
  await until('all kept', () => client.stats().kept === events);
  expect(client.stats()).toMatchObject({ lost: 0, refused: 0, waitingBytesOnDisk: 0 });
  await client.close();
  await checkOnce('node.killed', events);
});

it('sends what a killed service had on disk', async () => {
  const service = spawn('node_modules/.bin/tsx', ['test/halted.ts', join(folder, 'spill')], {
    stdio: 'inherit',
  });
  const code = await new Promise((done) => service.once('exit', done));
  expect(code).not.toBe(1);
  const next = await start();
  expect(await next.flush(30_000)).toBe(true);
  await next.close();
  await checkOnce('node.halted.spilled', 250);
  await checkOnce('node.halted.ended', 1);
  const [unknown] = (await edge.audit('action:node.halted.begun', 1)).items;
  expect(unknown).toMatchObject({
    outcome: 'failure',
    error: expect.stringMatching('^outcome unknown') as string,
  });
});

it('refuses strict operations where nothing can be kept', async () => {
  const file = join(folder, 'no-folder');
  await writeFile(file, '');
  const client = await start({ spillFolder: file, strict: true });
  let ran = 0;
  await expect(client.around({ action: 'node.refused' }, () => ran++)).rejects.toThrow(OperationRefused);
  expect(ran).toBe(0);
  await client.around({ action: 'node.lenient', strict: false }, () => ran++);
  expect(ran).toBe(1);
  await client.close();
  await checkOnce('node.lenient', 1);
});

it('tells what the business call throws, and leaves it as it is', async () => {
  const client = await start();
  const own = new RangeError('card declined');
  const failing = client.around({ action: 'node.failed' }, () => {
    throw own;
  });
  await expect(failing).rejects.toBe(own);
  await client.close();
  const [failed] = (await edge.audit('action:node.failed', 1)).items;
  expect(failed).toMatchObject({ outcome: 'failure', error: 'RangeError: card declined' });
});

it('keeps the others where one event is bad', async () => {
  const client = await start();
  client.record({ action: 'node.good' });
  client.record({ action: 'node.bad', retentionClass: 'no such class' });
  client.record({ action: 'node.good' });
  expect(await client.flush(30_000)).toBe(true);
  expect(client.stats()).toMatchObject({ kept: 2, refused: 1, lost: 0 });
  await client.close();
  expect(await readFile(join(folder, 'spill/node-0/refused.jsonl'), 'utf8')).toContain('node.bad');
});

describe('a service', () => {
  const SESSION = '01935b6e-7a2c-7d3e-8f10-2b4c6d8e0f12';
  const headers = {
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    baggage: `hindsight.session=${SESSION},hindsight.tab=w1_9`,
    'user-agent': 'Firefox',
  };

  async function refund(client: HindsightClient, user: string): Promise<object> {
    const order = { state: 'paid', cardNumber: '4111111111111111' };
    const operation = await client.begin({
      action: 'order.refund',
      operation: 'update',
      actor: { type: 'user', id: user },
      targets: [{ type: 'order', id: 'O-1' }],
      before: order,
      strict: true,
    });
    order.state = 'refunded';
    await operation.succeed({ after: order });
    return { ok: true };
  }

  async function checkRefund(user: string): Promise<void> {
    const found = await edge.audit(`user:${user} action:order.refund`, 1);
    expect(found.total).toBe(1);
    const whole = await edge.get<Record<string, unknown>>(`/v1/audit/${String(found.items[0]?.id)}`);
    expect(whole).toMatchObject({
      before: { state: 'paid', cardNumber: '***' },
      after: { state: 'refunded', cardNumber: '***' },
      session_id: SESSION,
      tab: 'w1_9',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      origin: { ip: '127.0.0.1', user_agent: 'Firefox' },
    });
  }

  it('of Express', async () => {
    const client = await start();
    const app = express();
    app.use(expressVisits());
    app.post('/refunds', async (_request, response) => {
      response.json(await refund(client, 'u-express'));
    });
    const server = app.listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address() as AddressInfo;
    expect(
      (await fetch(`http://127.0.0.1:${String(port)}/refunds`, { method: 'POST', headers })).status,
    ).toBe(200);
    server.close();
    await client.close();
    await checkRefund('u-express');
  });

  it('of Fastify', async () => {
    const client = await start();
    const app = fastify();
    await app.register(fastifyVisits);
    app.post('/refunds', () => refund(client, 'u-fastify'));
    expect((await app.inject({ method: 'POST', url: '/refunds', headers })).statusCode).toBe(200);
    await app.close();
    await client.close();
    await checkRefund('u-fastify');
  });
});
