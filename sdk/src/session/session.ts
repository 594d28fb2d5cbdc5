/**
 * The life of a session: one visit over pages and tabs of an origin. Pure: what is decided, not where it is kept.
 *
 * A visit ends after 30 min without the user, after 12 h, when another user signs in, or when the business says so.
 */
import { isSessionId } from '../transport/identity';

export interface Session {
  id: string;
  /** Our clock, Unix ms. */
  startedAt: number;
  /** When the user last did something. */
  lastAt: number;
  userId?: string;
  /** The visit is worth keeping: it lasted long enough, or an error happened, whatever the project waits for. */
  worth?: boolean;
  ended?: boolean;
}

export interface SessionLimits {
  idleMs: number;
  longestMs: number;
}

/** A stored session, if what was stored is one. */
export function readSession(stored: unknown): Session | undefined {
  const value = stored as Partial<Session> | undefined;
  const numbers = typeof value?.startedAt === 'number' && typeof value.lastAt === 'number';
  return value && numbers && isSessionId(value.id) ? (value as Session) : undefined;
}

/** Why a session can't go on, or `undefined` where it can. */
export function overBy(session: Session | undefined, now: number, limits: SessionLimits): string | undefined {
  if (!session) return 'none';
  if (session.ended) return 'ended';
  // A clock that was set back: the session's own times say nothing any more.
  if (session.startedAt > now + 60_000 || session.lastAt > now + 60_000) return 'clock';
  if (now - session.lastAt > limits.idleMs) return 'idle';
  if (now - session.startedAt > limits.longestMs) return 'longest';
  return undefined;
}

/** Whether signing in as that user begins another visit: the first user of a visit doesn't. */
export const isOtherUser = (session: Session, userId: string): boolean =>
  session.userId !== undefined && session.userId !== userId;
