import { expect, it, vi } from 'vitest';
import { Budget } from './budget';
import { Keyframes } from './keyframes';
import { levelOf, Levels, parseLevel } from './levels';
import { Ring } from './ring';
import { Throttle } from './throttle';
import type { Line } from '../transport/batcher';
import type { RrwebEvent } from './picture';

it('puts events on the level that the design gives them', () => {
  const fact = (tag: string) => ({ type: 5, data: { tag } });
  const change = (source: number, type?: number) => ({ type: 3, data: { source, type } });
  const levels = [
    fact('hindsight.reference'),
    fact('hindsight.error'),
    fact('hindsight.click'),
    { type: 2 },
    change(0),
  ];
  expect(levels.map(levelOf)).toEqual([0, 1, 2, 1, 1]);
  const moves = [change(1), change(3), change(5), change(2, 2), change(2, 1), change(14)];
  expect(moves.map(levelOf)).toEqual([3, 3, 2, 2, 4, 3]);
});

it('obeys the lowest level that anyone asks for, and says who', () => {
  const changes: number[] = [];
  const levels = new Levels((level) => changes.push(level));
  levels.say('project', 4);
  levels.say('server', 2);
  levels.say('server away', 1);
  expect([levels.now, levels.because]).toEqual([1, 'server away']);
  levels.say('server away', 4);
  levels.say('server', 4);
  expect(changes).toEqual([2, 1, 2, 4]);
  expect(parseLevel('L7')).toBeUndefined();
});

it('takes a keyframe when one is worth its price', () => {
  const keyframes = new Keyframes(60_000);
  expect(keyframes.due(1e9)).toBe(false);
  keyframes.taken(1_000, 10_000, 5);
  expect(keyframes.due(500_000)).toBe(false); // nothing has changed
  keyframes.passed(6_000);
  expect(keyframes.due(50_000)).toBe(false); // too soon
  expect(keyframes.due(61_000)).toBe(true);
  keyframes.taken(61_000, 10_000, 5);
  keyframes.passed(10);
  expect(keyframes.due(200_000)).toBe(false); // next to nothing
  expect(keyframes.due(400_000)).toBe(true); // but not for ever
  keyframes.taken(400_000, 1_000_000, 300);
  keyframes.passed(600_000);
  expect(keyframes.due(4_000_000)).toBe(false); // the page would feel it
  keyframes.passed(1_500_000);
  expect(keyframes.due(4_000_000)).toBe(true);
});

const line = (at: number, text: string, more: Partial<Line> = {}): Line => ({ at, text, level: 1, ...more });

it('holds the last minute before an error, from a keyframe on, with the facts before it', () => {
  const ring = new Ring(1_000_000);
  ring.add(line(0, 'start', { level: 0 }));
  for (let at = 0; at < 200_000; at += 1_000) {
    const keyframe = at % 50_000 === 0;
    if (keyframe) ring.add(line(at, `meta ${String(at)}`, { keyframe }));
    ring.add(line(at, `at ${String(at)}`, { keyframe }));
  }
  const lines = ring.take();
  expect(lines[0]?.text).toBe('start');
  expect(lines[1]?.text).toBe('meta 100000');
  expect(lines[lines.length - 1]?.text).toBe('at 199000');
  expect(ring.take()).toEqual([]);
});

it('bounds the ring', () => {
  const ring = new Ring(100);
  for (let at = 0; at < 50; at++) ring.add(line(at, 'x'.repeat(30), { keyframe: at % 2 === 0 }));
  expect(ring.take().reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(100);
});

it('pauses for longer each time that a page storms', () => {
  const budget = new Budget(0);
  expect(budget.spend(20_000_000, 0)).toBe(0);
  expect(budget.spend(20_000_000, 1_000)).toBe(10_000);
  expect(budget.spend(1_000, 2_000)).toBe(0);
  expect(budget.spend(40_000_000, 3_000)).toBe(20_000);
});

it('passes the first and the last text of a field, and a bound of clicks', () => {
  vi.useFakeTimers({ now: 0 });
  const passed: RrwebEvent[] = [];
  const throttle = new Throttle(100, (event) => passed.push(event));
  const typed = (timestamp: number, text: string): RrwebEvent => ({
    type: 3,
    timestamp,
    data: { source: 5, id: 1, text },
  });
  for (let at = 0; at < 50; at += 10) throttle.add(typed(at, `t${String(at)}`));
  vi.advanceTimersByTime(100);
  expect(passed.map(({ data }) => (data as { text: string }).text)).toEqual(['t0', 't40']);
  expect(passed.map(({ timestamp }) => timestamp)).toEqual([0, 100]);
  for (let click = 0; click < 1_000; click++)
    throttle.add({ type: 3, timestamp: 5_000, data: { source: 2, type: 2 } });
  expect(passed.length).toBe(42);
  vi.useRealTimers();
});
