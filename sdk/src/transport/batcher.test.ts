import { expect, it } from 'vitest';
import { Batcher, type Line } from './batcher';

const LIMITS = { chars: 100, everyMs: 2_000, urgentMs: 1_000 };

function collect(): { batcher: Batcher; cuts: string[][] } {
  const cuts: string[][] = [];
  return { cuts, batcher: new Batcher(LIMITS, (lines) => cuts.push(lines.map(({ text }) => text))) };
}

const line = (text: string, more: Partial<Line> = {}): Line => ({ text, at: 0, level: 1, ...more });

it('cuts before a batch grows over its size, and never drops or reorders', () => {
  const { batcher, cuts } = collect();
  const texts = Array.from({ length: 50 }, (_, index) => `${String(index)}${'x'.repeat(index % 40)}`);
  for (const text of texts) batcher.add(line(text), 0);
  batcher.flush();
  expect(cuts.flat()).toEqual(texts);
  for (const cut of cuts.filter(({ length }) => length > 1))
    expect(cut.join('\n').length).toBeLessThanOrEqual(101);
});

it('lets an event that is larger than a batch go alone', () => {
  const { batcher, cuts } = collect();
  for (const text of ['a', 'b'.repeat(500), 'c']) batcher.add(line(text), 0);
  batcher.flush();
  expect(cuts.map(({ length }) => length)).toEqual([1, 1, 1]);
});

it('puts a keyframe in a batch of its own, with the document start before it', () => {
  const { batcher, cuts } = collect();
  batcher.add(line('start', { level: 0 }), 0);
  batcher.add(line('meta', { keyframe: true }), 0);
  batcher.add(line('full'.repeat(100), { keyframe: true }), 0);
  batcher.add(line('move'), 0);
  batcher.add(line('meta', { keyframe: true }), 0);
  batcher.flush();
  expect(cuts.map((cut) => cut.map((text) => text.slice(0, 5)))).toEqual([
    ['start', 'meta', 'fullf'],
    ['move'],
    ['meta'],
  ]);
});

it('is due by its first event, sooner for an urgent one', () => {
  const { batcher } = collect();
  expect(batcher.dueAt).toBe(Infinity);
  batcher.add(line('a'), 10_000);
  expect(batcher.dueAt).toBe(12_000);
  batcher.add(line('b', { urgent: true }), 10_500);
  expect(batcher.dueAt).toBe(11_500);
  batcher.add(line('c'), 11_400);
  expect(batcher.dueAt).toBe(11_500);
});
