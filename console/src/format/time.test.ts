import { describe, expect, it } from 'vitest';
import { bytes, clock, moment } from './time';

describe('moment', () => {
  it('is in the zone that is asked', () => {
    expect(moment('2026-11-22T04:30:00.123456Z', 'zh-CN', 'Asia/Shanghai')).toBe('2026/11/22 12:30:00');
    expect(moment(1_795_321_800_000, 'en-US', 'UTC')).toBe('11/22/2026, 04:30:00');
  });
  it('shows what it cannot read', () => {
    expect([moment(null, 'en-US'), moment('soon', 'en-US')]).toEqual(['–', 'soon']);
  });
});

it('clock shows hours only when there are some', () => {
  expect([0, 999, 75_000, 3_675_000, -2000].map(clock)).toEqual(['0:00', '0:00', '1:15', '1:01:15', '−0:02']);
});

it('bytes keeps three figures', () => {
  expect([0, 999, 1500, 123_456, 31_561_877].map(bytes)).toEqual([
    '0 B',
    '999 B',
    '1.5 kB',
    '123 kB',
    '31.6 MB',
  ]);
});
