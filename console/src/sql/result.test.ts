import { describe, expect, it } from 'vitest';
import type { SqlAnswer } from '../api/types';
import { csv, guessAxes, isNumeric, series } from './result';

const answer: SqlAnswer = {
  meta: [
    { name: 'kind', type: 'LowCardinality(String)' },
    { name: 'n', type: 'UInt64' },
  ],
  data: [
    { kind: '=cmd()', n: '12' },
    { kind: 'a "b", c', n: null },
    { kind: '-1', n: '-3' },
  ],
  rows: 3,
};

describe('csv', () => {
  it('quotes, and defuses formulas but not numbers', () => {
    expect(csv(answer)).toBe('kind,n\r\n\'=cmd(),12\r\n"a ""b"", c",\r\n-1,-3\r\n');
  });
});

describe('chart', () => {
  it('guesses text for x and the first number for y', () => {
    expect(guessAxes(answer)).toEqual({ x: 'kind', y: ['n'] });
    expect(guessAxes({ ...answer, meta: [{ name: 'kind', type: 'String' }] })).toBeNull();
  });
  it('reads numbers that came as text and keeps holes', () => {
    expect(series(answer, { x: 'kind', y: ['n'] }).values).toEqual([{ name: 'n', data: [12, null, -3] }]);
  });
  it('knows numeric types in wrappers', () => {
    expect(['Nullable(Decimal(18, 2))', 'DateTime64(6)', 'Float64'].map(isNumeric)).toEqual([
      true,
      false,
      true,
    ]);
  });
});
