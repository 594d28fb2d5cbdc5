import { describe, expect, it } from 'vitest';
import { ApiError } from '../api/client';
import { around, characterAt, syntaxFault } from './syntaxError';

describe('syntaxFault', () => {
  it('reads position and hint at the top or in errors', () => {
    const top = new ApiError(400, { detail: 'unknown field', position: 3, hint: 'did you mean user?' });
    expect(syntaxFault(top, 'a b usr:1')).toEqual({
      position: 3,
      message: 'unknown field',
      hint: 'did you mean user?',
    });
    const nested = new ApiError(400, { errors: [{ position: 99, detail: 'open quote', hint: 'close it' }] });
    expect(syntaxFault(nested, '"ab')).toEqual({ position: 3, message: 'open quote', hint: 'close it' });
  });
  it('leaves other refusals alone', () => {
    expect(syntaxFault(new ApiError(400, { detail: 'bad cursor' }), 'x')).toBeNull();
    expect(syntaxFault(new ApiError(503, { position: 1 }), 'x')).toBeNull();
  });
});

it('around counts characters, not UTF-16 units', () => {
  expect(around('a😀b', 2)).toEqual(['a😀', 'b', '']);
  expect(around('ab', 2)).toEqual(['ab', ' ', '']);
});

it('characterAt reads byte positions', () => {
  expect([0, 3, 5, 6, 9].map((byte) => characterAt('保单 x', byte))).toEqual([0, 1, 1, 2, 4]);
});
