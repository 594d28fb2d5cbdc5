/**
 * Names of what is sent: session (UUIDv7), tab (one document load), batch (session, tab, seq).
 *
 * Invariant: a tab id is made per document load and kept in memory only, so a duplicated, restored or crashed
 * browser tab never shares one.
 */

/** Hexadecimal digits of that many random bytes from the system; `Math.random` only where a page took `crypto` away. */
export function randomHex(count: number): string {
  const bytes = new Uint8Array(count);
  try {
    crypto.getRandomValues(bytes);
  } catch {
    for (let i = 0; i < count; i++) bytes[i] = Math.random() * 256;
  }
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

/** A session id of that time (RFC 9562, version 7). */
export function sessionId(nowMs: number): string {
  const time = Math.max(0, Math.floor(nowMs)).toString(16).padStart(12, '0');
  const variant = (8 + Math.floor(Math.random() * 4)).toString(16);
  return `${time}7${randomHex(9)}`.replace(/^(.{8})(.{4})(.{4})(.{3})/, `$1-$2-$3-${variant}$4-`);
}

const SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether a text is a session id: what comes from storage or an address may be anything. */
export const isSessionId = (text: unknown): text is string => typeof text === 'string' && SESSION.test(text);

/** The time in a session id, Unix milliseconds. */
export const timeOf = (session: string): number => parseInt(session.slice(0, 8) + session.slice(9, 13), 16);

/** A number in [0, 1) made from the session id alone: one answer per session, in every tab, without storage. */
export const shareOf = (session: string): number => parseInt(session.slice(-8), 16) / 2 ** 32;

/** The name of this document load: the window it is in, and 64 random bits. */
export const tabId = (window: string): string => `${window}_${randomHex(8)}`;
