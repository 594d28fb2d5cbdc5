/**
 * What an answer means for the batch that was sent (API.md 'Writing'): pure, so that every case is a test.
 *
 * "After a 4xx nothing is kept; after 503 or no answer all, part or nothing may be: the same again is safe."
 */
import { parseLevel, type Level } from '../capture/levels';

export interface Answer {
  /** 0: no answer at all (network, blocked by the page's policy, timed out). */
  status: number;
  /** The header, seconds or a date. */
  retryAfter: string | null;
  body: unknown;
}

export type Verdict =
  | { kind: 'kept'; level: Level | undefined; nowMs: number | undefined }
  | { kind: 'again'; afterMs: number }
  /** This batch will never be taken. */
  | { kind: 'refused'; reason: string }
  /** The session will never be taken: another one is to be begun, at the server's time. */
  | { kind: 'session'; reason: string; nowMs: number | undefined }
  /** Nothing of this page will be taken: wrong key or origin. */
  | { kind: 'stop'; reason: string };

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** A server may ask for a longer pause than we would make; not for ever. */
const LONGEST_ASKED_MS = 600_000;

/** Exponential, with half of it by chance, so that a thousand pages don't come back at once. */
export function backoffMs(attempt: number, chance: number): number {
  const whole = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 16));
  return whole / 2 + (whole / 2) * chance;
}

/** `Retry-After` in milliseconds: seconds or an HTTP date. */
export function askedMs(header: string | null, now: number): number {
  if (!header) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), LONGEST_ASKED_MS) : 0;
}

const field = (body: unknown, name: string): unknown =>
  typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;

const numeric = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/** Judges an answer; `attempt` counts from 0, `chance` lies in [0, 1). */
export function judge(answer: Answer, attempt: number, chance: number, now: number): Verdict {
  const { status, body } = answer;
  const named = field(body, 'reason');
  const reason = typeof named === 'string' ? named : `http_${String(status)}`;
  const nowMs = numeric(field(body, 'now_ms'));
  // Only our own answer says that the log holds it: a proxy's page with status 200 does not.
  if (status === 202 && numeric(field(body, 'accepted')) !== undefined) {
    return { kind: 'kept', level: parseLevel(field(body, 'level')), nowMs };
  }
  if (reason === 'session_time' || status === 410) return { kind: 'session', reason, nowMs };
  if (status === 401 || status === 403) return { kind: 'stop', reason };
  const refused = status >= 400 && status < 500 && status !== 408 && status !== 429;
  if (refused) return { kind: 'refused', reason };
  return {
    kind: 'again',
    afterMs: Math.max(backoffMs(attempt, chance), askedMs(answer.retryAfter, now)),
  };
}
