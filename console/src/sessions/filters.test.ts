import { expect, it } from 'vitest';
import { fromAddress, toAddress, toQuery } from './filters';

it('filters survive the address', () => {
  const filters = { ...fromAddress({}), user: 'li', reference: 'order:O-1', errors: true };
  expect(toAddress(filters)).toEqual({ user: 'li', reference: 'order:O-1', has: 'error' });
  expect(fromAddress(toAddress(filters))).toEqual(filters);
  expect(toQuery(filters)['has']).toBe('error');
});

it('nothing set is an empty address', () => {
  expect(toAddress(fromAddress({ user: ['a', 'b'] }))).toEqual({});
});
