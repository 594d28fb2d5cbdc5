/**
 * Before and after as one list of rows, a row per value, so that a reader sees what changed in its place. Arrays are
 * compared by index, as the server's patch does. At most `MAX_ROWS` rows: what is cut is counted, never hidden.
 */

export const MAX_ROWS = 2000;

export type RowKind = 'same' | 'changed' | 'added' | 'removed';

export interface Row {
  /** JSON pointer (RFC 6901). */
  path: string;
  name: string;
  depth: number;
  kind: RowKind;
  /** Undefined for a container (its values follow) and for a side that lacks the value. */
  was?: string;
  now?: string;
  container: boolean;
}

export interface Diff {
  rows: Row[];
  cut: number;
  changes: number;
}

const ABSENT = Symbol('absent');
type Side = unknown;

function isContainer(value: Side): value is Record<string, unknown> | unknown[] {
  return typeof value === 'object' && value !== null;
}

function keysOf(value: Side): string[] {
  return isContainer(value) ? Object.keys(value) : [];
}

function child(value: Side, key: string): Side {
  if (!isContainer(value) || !Object.hasOwn(value, key)) return ABSENT;
  return (value as Record<string, unknown>)[key];
}

function show(value: Side): string {
  return isContainer(value) ? (Array.isArray(value) ? '[]' : '{}') : JSON.stringify(value);
}

function kindOf(was: Side, now: Side): RowKind {
  if (was === ABSENT) return 'added';
  if (now === ABSENT) return 'removed';
  return JSON.stringify(was) === JSON.stringify(now) ? 'same' : 'changed';
}

export function diff(before: unknown, after: unknown, maxRows = MAX_ROWS): Diff {
  const found: Diff = { rows: [], cut: 0, changes: 0 };
  // A missing side is an empty one: a created thing has no "before".
  visit(found, before ?? ABSENT, after ?? ABSENT, '', '', -1, maxRows);
  return found;
}

function visit(
  found: Diff,
  was: Side,
  now: Side,
  path: string,
  name: string,
  depth: number,
  maxRows: number,
): void {
  const keys = [...new Set([...keysOf(was), ...keysOf(now)])];
  const container = keys.length > 0;
  const kind = kindOf(was, now);
  // A container beside a plain value shows the plain value on its own line.
  const isRoot = depth < 0 && container;
  if (!isRoot && !(was === ABSENT && now === ABSENT)) {
    if (!container && kind !== 'same') found.changes += 1;
    if (found.rows.length < maxRows)
      found.rows.push(row(was, now, path, name, Math.max(0, depth), kind, container));
    else found.cut += 1;
  }
  for (const key of keys) {
    const pointer = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    visit(found, child(was, key), child(now, key), pointer, key, depth + 1, maxRows);
  }
}

function row(
  was: Side,
  now: Side,
  path: string,
  name: string,
  depth: number,
  kind: RowKind,
  container: boolean,
): Row {
  const made: Row = { path, name, depth, kind, container };
  const plain = (value: Side): boolean => value !== ABSENT && !(container && isContainer(value));
  if (plain(was)) made.was = show(was);
  if (plain(now)) made.now = show(now);
  return made;
}
