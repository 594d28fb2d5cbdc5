import { describe, expect, it } from 'vitest';
import { decide, type Answer } from '../src/answer.ts';
import { Backoff } from '../src/backoff.ts';
import { parseContext } from '../src/context.ts';
import { type AuditEvent, capture, encode, eventId } from '../src/event.ts';
import { Masking, type MaskingRules } from '../src/masking.ts';
import { MemoryQueue } from '../src/memory-queue.ts';
import { MOST_VALUES, StateWriter } from '../src/state.ts';
import { vectors } from './vectors.ts';

interface Named {
  name: string;
}

describe('masking', () => {
  const file = vectors<{
    sensitive: string[];
    open: string[];
    cases: (Named & { settings?: MaskingRules; value: unknown; expect: unknown })[];
  }>('masking');
  const plain = new Masking();
  it.each(file.sensitive)('%s is sensitive', (name) => {
    expect(plain.isSensitive(name)).toBe(true);
  });
  it.each(file.open)('%s is open', (name) => {
    expect(plain.isSensitive(name)).toBe(false);
  });
  it.each(file.cases)('$name', ({ settings, value, expect: expected }) => {
    const written = new StateWriter(new Masking(settings), 32).write(value) ?? '';
    expect(JSON.parse(written)).toEqual(expected);
  });
});

describe('context', () => {
  const cases =
    vectors<(Named & { traceparent?: string; baggage?: string; expect: Record<string, string> })[]>(
      'context',
    );
  it.each(cases)('$name', ({ traceparent, baggage, expect: expected }) => {
    const { sessionId: session_id, tab, traceId: trace_id } = parseContext(traceparent, baggage);
    expect({ session_id, tab, trace_id }).toEqual({
      session_id: undefined,
      tab: undefined,
      trace_id: undefined,
      ...expected,
    });
  });
});

describe('answers', () => {
  interface Case extends Named {
    sent: number;
    status: number;
    headers?: { 'retry-after'?: string };
    body?: unknown;
    expect: { action: string; after_ms?: number; rejected?: number[] };
  }
  it.each(vectors<Case[]>('answers'))('$name', ({ sent, status, headers, body, expect: expected }) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? null);
    const answer = decide({ status, retryAfter: headers?.['retry-after'] ?? null, body: text }, sent);
    expect(answer.action).toBe(expected.action);
    if (answer.action === 'later') expect(answer.afterMs).toBe(expected.after_ms ?? 0);
    if (answer.action === 'kept') expect(answer.refused.map(({ index }) => index)).toEqual(expected.rejected);
  });
});

describe('backoff', () => {
  interface Case {
    failures: number;
    after_ms?: number;
    hold?: boolean;
    least_ms: number;
    most_ms: number;
  }
  it.each(vectors<{ cases: Case[] }>('backoff').cases)('$failures failures', (one) => {
    const answer: Answer = one.hold
      ? { action: 'hold', why: '' }
      : { action: 'later', afterMs: one.after_ms ?? 0, why: '' };
    for (const chance of [0, 0.3, 0.999999]) {
      const backoff = new Backoff(() => chance);
      let wait = 0;
      for (let failure = 0; failure < one.failures; failure++) wait = backoff.failedMs(answer);
      expect(wait).toBeGreaterThanOrEqual(one.least_ms);
      expect(wait).toBeLessThanOrEqual(one.most_ms);
    }
  });
});

describe('batches', () => {
  interface Case extends Named {
    settings: { batch_events: number; batch_bytes: number; batch_wait_ms: number };
    steps: { at_ms: number; add?: number[] }[];
    expect: { at_ms: number; events: number }[];
  }
  it.each(vectors<Case[]>('batches'))('$name', ({ settings, steps, expect: expected }) => {
    const rule = {
      events: settings.batch_events,
      bytes: settings.batch_bytes,
      waitMs: settings.batch_wait_ms,
    };
    const queue = new MemoryQueue(rule, Infinity);
    const cut: { at_ms: number; events: number }[] = [];
    for (const { at_ms, add } of steps) {
      for (const bytes of add ?? []) queue.offer({ line: Buffer.alloc(bytes), at: at_ms });
      while (queue.dueAt() <= at_ms) cut.push({ at_ms, events: queue.take(rule.events, rule.bytes).length });
    }
    expect(cut).toEqual(expected);
  });
});

describe('events', () => {
  interface Case extends Named {
    settings?: { state_depth?: number; event_bytes?: number };
    event: Record<string, unknown>;
    expect: unknown;
  }
  it.each(vectors<Case[]>('events'))('$name', ({ settings, event, expect: expected }) => {
    const writer = new StateWriter(new Masking(), settings?.state_depth ?? 32);
    const draft = drafted(value(event) as Record<string, never>);
    const line = encode(draft, capture(draft, writer), {}, settings?.event_bytes ?? 256 << 10);
    expect(JSON.parse(line)).toEqual(value(expected));
  });
});

/** A case's members in this client's names. */
function drafted(said: Record<string, never>): AuditEvent {
  const { occurred_at = '', session_id, trace_id, class: retentionClass, origin, ...same } = said;
  const { user_agent, ...place } = (origin ?? {}) as Record<string, string>;
  return {
    ...(same as unknown as AuditEvent),
    occurredAt: occurred_at,
    ...(session_id === undefined ? {} : { sessionId: session_id, traceId: trace_id, retentionClass }),
    ...(origin === undefined
      ? {}
      : { origin: { ...place, ...(user_agent === undefined ? {} : { userAgent: user_agent }) } }),
  };
}

/** Shorthand as in `clients/vectors/README.md`. */
function value(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(value);
  if (typeof node !== 'object' || node === null) return node;
  if ('repeat' in node && 'times' in node) return String(node.repeat).repeat(Number(node.times));
  if ('code_units' in node) return String.fromCharCode(...(node.code_units as number[]));
  if ('integer' in node) return BigInt(String(node.integer));
  return Object.fromEntries(Object.entries(node).map(([name, member]) => [name, value(member)]));
}

describe('states', () => {
  const write = (state: unknown): unknown =>
    JSON.parse(new StateWriter(new Masking(), 32).write(state) ?? 'null');

  it('never throw', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(write(cycle)).toEqual(['[contains itself]']);
    const hostile = {
      get name(): string {
        throw new TypeError('no');
      },
    };
    expect(write(hostile)).toBe('[unreadable: TypeError]');
    expect(write(Array.from({ length: MOST_VALUES }, () => 1))).toBe('[unreadable: more than 20000 values]');
  });

  it('have what JSON has not as text', () => {
    const state = {
      at: new Date(0),
      bytes: Buffer.from([1, 2]),
      map: new Map([['a', 1n]]),
      set: new Set([NaN]),
      f: () => 1,
    };
    expect(write(state)).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      bytes: 'AQI=',
      map: { a: 1 },
      set: ['NaN'],
    });
  });

  it('are not changed by a member called __proto__', () => {
    expect(write(JSON.parse('{"__proto__": {"password": "x"}}'))).toEqual(
      JSON.parse('{"__proto__": {"password": "***"}}'),
    );
  });
});

it('makes ids of version 7 that differ', () => {
  const ids = new Set(Array.from({ length: 10_000 }, () => eventId(1_795_321_800_123)));
  expect(ids.size).toBe(10_000);
  for (const id of ids) expect(id).toMatch(/^01a20184-a5bb-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
