import { describe, expect, it } from 'vitest';
import type { Manifest } from '../api/types';
import { documentAfter, documentAt } from './documents';

const manifest = {
  tabs: [
    { tab: 'second', from_ms: 110, to_ms: 200 },
    { tab: 'first', from_ms: 0, to_ms: 100 },
    { tab: 'beside', from_ms: 120, to_ms: 150 },
  ],
} as Manifest;

describe('documentAt', () => {
  it('takes the one that shows the moment, the reader’s choice first', () => {
    expect(documentAt(manifest, 50)).toBe('first');
    expect(documentAt(manifest, 130)).toBe('beside');
    expect(documentAt(manifest, 130, 'second')).toBe('second');
    expect(documentAt(manifest, 50, 'second')).toBe('first');
  });
  it('holds the last picture between documents, and the first before all', () => {
    expect(documentAt(manifest, 105)).toBe('first');
    expect(documentAt(manifest, -1)).toBe('first');
    expect(documentAt({ ...manifest, tabs: [] }, 1)).toBeNull();
  });
});

it('documentAfter skips what ended while the other went on', () => {
  expect(documentAfter(manifest, 'first')?.tab).toBe('second');
  expect(documentAfter(manifest, 'second')).toBeNull();
});
