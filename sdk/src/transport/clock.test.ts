import { expect, it } from 'vitest';
import { Clock } from './clock';

it('believes the answer with the shortest way', () => {
  let now = 1_000;
  const clock = new Clock(() => now);
  now = 1_400;
  clock.heard(50_000, 1_000);
  expect(clock.offsetMs).toBe(48_800);
  now = 2_020;
  clock.heard(60_010, 2_000);
  expect(clock.offsetMs).toBe(58_000);
  now = 9_000;
  clock.heard(1, 3_000);
  expect(clock.serverNow()).toBe(67_000);
});

it('lets nonsense pass', () => {
  const clock = new Clock(() => 5, 7);
  clock.heard(NaN, 5);
  clock.heard(100, 50);
  expect(clock.offsetMs).toBe(7);
});
