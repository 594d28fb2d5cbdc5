/** One clock for a case: sessions and audit events of all days and devices, in the order in which they happened. */
import type { AuditEvent, CaseFile, SessionFacts } from '../api/types';

export type Entry =
  | { kind: 'session'; at_ms: number; key: string; session: SessionFacts }
  | { kind: 'audit'; at_ms: number; key: string; audit: AuditEvent };

export interface Day {
  /** The reader's own calendar day. */
  day: string;
  entries: Entry[];
}

/** Sessions stand at their start. At one instant a session comes before what was done in it. */
export function entries(file: Pick<CaseFile, 'sessions' | 'audit'>): Entry[] {
  const sessions = file.sessions.map((session): Entry => ({
    kind: 'session',
    at_ms: Date.parse(session.started_at),
    key: `s:${session.session_id}`,
    session,
  }));
  const audit = file.audit.map((event): Entry => ({
    kind: 'audit',
    at_ms: Date.parse(event.occurred_at),
    key: `a:${event.id}`,
    audit: event,
  }));
  // The sort is stable, so sessions stay first on a tie.
  return [...sessions, ...audit].sort((one, other) => one.at_ms - other.at_ms);
}

export function byDay(list: Entry[], locale: string, zone?: string): Day[] {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'full', ...(zone ? { timeZone: zone } : {}) });
  const days: Day[] = [];
  for (const entry of list) {
    const day = Number.isNaN(entry.at_ms) ? '–' : format.format(entry.at_ms);
    const open = days.at(-1);
    if (open?.day === day) open.entries.push(entry);
    else days.push({ day, entries: [entry] });
  }
  return days;
}
