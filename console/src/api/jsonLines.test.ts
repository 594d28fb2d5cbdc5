import { describe, expect, it } from 'vitest';
import { jsonLines } from './jsonLines';

function stream(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}
async function all(body: ReadableStream<Uint8Array>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const item of jsonLines(body)) found.push(item);
  return found;
}

describe('jsonLines', () => {
  it('reads lines cut anywhere, even inside a character', async () => {
    const bytes = new TextEncoder().encode('{"a":"保单"}\n\n{"b":2}');
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(await all(stream(bytes.slice(0, cut), bytes.slice(cut)))).toEqual([{ a: '保单' }, { b: 2 }]);
    }
  });
  it('names the line of a cut stream', async () => {
    await expect(all(stream(new TextEncoder().encode('{}\n{"a":')))).rejects.toThrow('line 2');
  });
});
