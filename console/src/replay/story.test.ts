import { expect, it } from 'vitest';
import type { Manifest } from '../api/types';
import { auditEntries, chapters, entryOf, hasPicture, type Told } from './story';

const fact = (tag: string, payload: unknown, timestamp = 1): Told => ({
  type: 5,
  timestamp,
  data: { tag, payload },
});

function check(tag: string, payload: unknown): string | undefined {
  const entry = entryOf(fact(tag, payload));
  return entry ? `${entry.kind} ${entry.name}: ${entry.text}` : undefined;
}

it('says in words what a recorder told', () => {
  const cases: [string, unknown, string][] = [
    ['hindsight.page', { title: '', url: '/pages/cart/cart?id=*' }, 'page page: /pages/cart/cart?id=*'],
    ['hindsight.click', { selector: '#pay', text: 'Pay' }, 'click click: Pay · #pay'],
    ['hindsight.input', { selector: '#name' }, 'input input: #name'],
    ['hindsight.reference', { type: 'order', id: 17 }, 'other reference: order:17'],
    ['hindsight.track', { name: 'coupon', properties: { code: 1 } }, 'other track: coupon · {"code":1}'],
    ['hindsight.track', { name: 'coupon', properties: {} }, 'other track: coupon'],
    ['hindsight.error', { message: 'boom' }, 'error error: boom'],
    ['hindsight.gap', { reason: 'too_large' }, 'gap gap: too_large'],
    ['own.tag', { a: 1 }, 'other own.tag: {"a":1}'],
    ['hindsight.toString', {}, 'other toString: '],
    ['hindsight.click', null, 'click click: '],
    ['hindsight.reference', { type: { odd: 1 } }, 'other reference: :'],
  ];
  for (const [tag, payload, text] of cases) expect(check(tag, payload)).toBe(text);
});

it('tells a request that failed from one that did not', () => {
  const asked = { method: 'POST', url: 'https://shop.example/pay', duration_ms: 40 };
  expect(entryOf(fact('hindsight.network', { ...asked, status: 200 }))).toMatchObject({
    kind: 'other',
    status: 200,
    duration_ms: 40,
    text: 'POST https://shop.example/pay',
  });
  for (const status of [0, 404, 503]) {
    expect(entryOf(fact('hindsight.network', { ...asked, status }))?.kind).toBe('error');
  }
});

it('leaves out what has no words', () => {
  for (const event of [
    { type: 3, timestamp: 1, data: { source: 2, type: 2 } },
    { type: 5, timestamp: 1, data: null },
    { type: 5, timestamp: 1 },
  ] as Told[])
    expect(entryOf(event)).toBeNull();
});

it('makes a chapter of each page, by time, with what services said in its place', () => {
  const told = [
    fact('hindsight.start', { source: 'mini' }, 1),
    fact('hindsight.page', { url: '/b' }, 50),
    fact('hindsight.click', { selector: '#x' }, 20),
    fact('hindsight.page', { url: '/a' }, 10),
  ].map(entryOf);
  const audit = auditEntries([
    { kind: 'audit', at_ms: 60, offset_ms: 59, label: 'order.pay', audit_id: 'a-1' },
    { kind: 'click', at_ms: 61, offset_ms: 60 },
  ]);
  const found = chapters([...told.filter((entry) => entry !== null), ...audit]);
  expect(found.map(({ page, entries }) => [page?.text, entries.map(({ name }) => name)])).toEqual([
    [undefined, ['start']],
    ['/a', ['click']],
    ['/b', ['audit']],
  ]);
});

it('knows a recording with a picture', () => {
  const of = (...keyframes: boolean[]): boolean =>
    hasPicture({
      frames: keyframes.map((keyframe, frame) => ({ frame, tab: 't', from_ms: 0, to_ms: 1, keyframe })),
    } as unknown as Manifest);
  expect([of(), of(false), of(false, true)]).toEqual([true, false, true]);
});
