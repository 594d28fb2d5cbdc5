import { describe, expect, it } from 'vitest';
import { diff } from './diff';

const brief = (before: unknown, after: unknown) =>
  diff(before, after).rows.map(({ path, kind, was, now }) => [path, kind, was, now]);

describe('diff', () => {
  it('marks the value that changed and its containers', () => {
    expect(brief({ a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } })).toEqual([
      ['/a', 'changed', undefined, undefined],
      ['/a/b', 'same', '1', '1'],
      ['/a/c', 'changed', '2', '3'],
    ]);
  });

  it('tells added and removed from null', () => {
    expect(brief({ gone: 1, empty: null }, { empty: 0, fresh: null })).toEqual([
      ['/gone', 'removed', '1', undefined],
      ['/empty', 'changed', 'null', '0'],
      ['/fresh', 'added', undefined, 'null'],
    ]);
  });

  it('shows a created thing as added throughout', () => {
    expect(brief(null, { id: 'O-1', lines: [] })).toEqual([
      ['/id', 'added', undefined, '"O-1"'],
      ['/lines', 'added', undefined, '[]'],
    ]);
  });

  it('compares plain values and says when nothing is there', () => {
    expect(brief('x', 'y')).toEqual([['', 'changed', '"x"', '"y"']]);
    expect(brief(undefined, null)).toEqual([]);
  });

  it('shows a plain value that became a container', () => {
    expect(brief({ a: 1 }, { a: { b: 2 } })).toEqual([
      ['/a', 'changed', '1', undefined],
      ['/a/b', 'added', undefined, '2'],
    ]);
  });

  it('escapes pointers', () => {
    expect(diff({ 'a/b~c': 1 }, { 'a/b~c': 1 }).rows[0]?.path).toBe('/a~1b~0c');
  });

  it('counts what it cuts', () => {
    const found = diff(
      {},
      Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`k${String(at)}`, at])),
      10,
    );
    expect([found.rows.length, found.cut, found.changes]).toEqual([10, 20, 30]);
  });
});
