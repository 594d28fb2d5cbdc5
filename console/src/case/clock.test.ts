import { describe, expect, it } from 'vitest';
import type { AuditEvent, SessionFacts } from '../api/types';
import { byDay, entries } from './clock';

const session = (session_id: string, started_at: string) => ({ session_id, started_at }) as SessionFacts;
const event = (id: string, occurred_at: string) => ({ id, occurred_at }) as AuditEvent;

describe('entries', () => {
  it('merges by time, the session first on a tie', () => {
    const list = entries({
      sessions: [session('later', '2026-11-22T10:00:00Z'), session('first', '2026-11-21T10:00:00Z')],
      audit: [event('tie', '2026-11-22T10:00:00.000Z'), event('between', '2026-11-21T18:00:00+02:00')],
    });
    expect(list.map(({ key }) => key)).toEqual(['s:first', 'a:between', 's:later', 'a:tie']);
  });
});

it("byDay uses the reader's calendar", () => {
  const list = entries({
    sessions: [],
    audit: [event('a', '2026-11-21T15:59:59Z'), event('b', '2026-11-21T16:00:00Z')],
  });
  expect(byDay(list, 'en-US', 'Asia/Shanghai').map(({ entries: each }) => each.length)).toEqual([1, 1]);
  expect(byDay(list, 'en-US', 'UTC')).toHaveLength(1);
});
