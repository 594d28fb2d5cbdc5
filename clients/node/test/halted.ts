import { HindsightClient } from '../src/index.ts';

/** A service without an edge that is killed in the middle of a strict operation. Run by `edge.test.ts`. */
const client = await HindsightClient.start({
  url: 'http://127.0.0.1:1',
  key: 'k',
  spillFolder: process.argv[2] ?? '',
  batchWaitMs: 50,
});
for (let number = 0; number < 250; number++) {
  client.record({ action: 'node.halted.spilled', targets: [{ type: 'order', id: number }] });
}
if (!(await client.flush(20_000))) process.exit(1);
await client.begin({ action: 'node.halted.begun', strict: true });
await (await client.begin({ action: 'node.halted.ended', strict: true })).succeed();
process.kill(process.pid, 'SIGKILL');
