import { MASK, type Masking } from './masking.ts';

/**
 * Any value as masked, bounded JSON.
 *
 * Never throws: a value that can't be read (a getter that throws, more than `MOST_VALUES` values) becomes a text that
 * says so.
 */

/** Most names and values of one state: an object graph without an end must cost the caller a bounded time. */
export const MOST_VALUES = 20_000;

/** Which names hold a name, where its value lies beside it in `value`. */
const PAIR_NAMES = ['name', 'key', 'field', 'param'];

class TooManyValues extends Error {}

export class StateWriter {
  constructor(
    private readonly masking: Masking,
    private readonly depth: number,
  ) {}

  /** The JSON of a state; undefined where there is none. */
  write(state: unknown): string | undefined {
    if (state === undefined || state === null) return undefined;
    try {
      return JSON.stringify(new Walk(this.masking, this.depth).value(unpacked(state), 1));
    } catch (failure) {
      const why =
        failure instanceof TooManyValues ? `more than ${String(MOST_VALUES)} values` : className(failure);
      return JSON.stringify(`[unreadable: ${why}]`);
    }
  }
}

/** JSON in a text as a tree, so that its fields are masked; a text that is none stays a text. */
function unpacked(state: unknown): unknown {
  if (typeof state !== 'string' || !/^\s*[{[]/.test(state)) return state;
  try {
    return JSON.parse(state);
  } catch {
    return state;
  }
}

function className(failure: unknown): string {
  return failure instanceof Error ? failure.name : typeof failure;
}

class Walk {
  private count = 0;
  private readonly above = new Set<object>();

  constructor(
    private readonly masking: Masking,
    private readonly depth: number,
  ) {}

  /** A value that JSON can say; undefined where it has none, as in `JSON.stringify`. */
  value(value: unknown, level: number): unknown {
    if (++this.count > MOST_VALUES) throw new TooManyValues();
    switch (typeof value) {
      case 'string':
        return this.masking.cleanQuery(value).toWellFormed();
      case 'number':
        return isExact(value) ? value : digits(value);
      case 'bigint':
        return isExact(Number(value)) && BigInt(Number(value)) === value ? Number(value) : value.toString();
      case 'boolean':
        return value;
      case 'object':
        return value === null ? null : this.container(value, level);
      default:
        return undefined;
    }
  }

  private container(value: object, level: number): unknown {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      return this.value((value.toJSON as () => unknown)(), level);
    }
    if (level > this.depth) return '[nested too deeply]';
    if (this.above.has(value)) return '[contains itself]';
    this.above.add(value);
    try {
      if (value instanceof Map) return this.members(Object.fromEntries(value) as object, level);
      if (value instanceof Set) return this.items([...(value as Set<unknown>)], level);
      return Array.isArray(value) ? this.items(value, level) : this.members(value, level);
    } finally {
      this.above.delete(value);
    }
  }

  private items(items: readonly unknown[], level: number): unknown[] {
    const plain: unknown[] = [];
    for (const item of items) plain.push(this.value(item, level + 1) ?? null);
    return plain;
  }

  private members(object: object, level: number): Record<string, unknown> {
    // Without a prototype: a member may be called `__proto__`.
    const plain = Object.create(null) as Record<string, unknown>;
    const members = Object.entries(object);
    const pairIsSensitive = members.some(
      ([name, value]) =>
        PAIR_NAMES.includes(name) && typeof value === 'string' && this.masking.isSensitive(value),
    );
    for (const [name, value] of members) {
      const sensitive = this.masking.isSensitive(name) || (pairIsSensitive && name === 'value');
      plain[name.toWellFormed()] = sensitive && holdsSomething(value) ? MASK : this.value(value, level + 1);
    }
    return plain;
  }
}

/** Null, booleans and what is empty stay: they tell whether there was a value, and hold no secret. */
function holdsSomething(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return value !== '';
    case 'number':
    case 'bigint':
      return true;
    case 'object':
      return value !== null && (value instanceof Date || Object.keys(value).length > 0 || hasSize(value));
    default:
      return false;
  }
}

function hasSize(value: object): boolean {
  return (value instanceof Map || value instanceof Set) && value.size > 0;
}

/** The edge's canonical form has doubles: what one can't hold exactly goes as the text of its digits. */
function isExact(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) <= 2 ** 53;
}

function digits(value: number): string {
  return Number.isInteger(value) ? BigInt(value).toString() : String(value);
}
