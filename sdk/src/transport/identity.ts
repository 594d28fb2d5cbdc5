/**
 * Names of what is sent: session (UUIDv7), tab (one document load), batch (session, tab, seq).
 *
 * Invariant: a tab id is made per document load and kept in memory only, so a duplicated, restored or crashed
 * browser tab never shares one.
 */

/** Random bytes from the system; `Math.random` only where a page took `crypto` away. */
export function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  try {
    crypto.getRandomValues(bytes);
  } catch {
    for (let i = 0; i < count; i++) bytes[i] = Math.random() * 256;
  }
  return bytes;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** Hexadecimal digits of that many random bytes. */
export const randomHex = (bytes: number): string => hex(randomBytes(bytes));

/** A session id of that time (RFC 9562, version 7). */
export function sessionId(nowMs: number, random: Uint8Array = randomBytes(10)): string {
  const bytes = new Uint8Array(16);
  let rest = Math.max(0, Math.floor(nowMs));
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
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
