/**
 * Carries a visit over to another origin and back (a payment page): the session's id in the address.
 *
 * A link is good for as long as a session may be idle, so that an old one in a mail or a bookmark begins anew.
 */
import { isSessionId } from '../transport/identity';

const PARAMETER = 'hindsight_link';

/** The address with the visit in it; what is no address is answered as it is. */
export function withLink(address: string, base: string, session: string, now: number): string {
  try {
    const url = new URL(address, base);
    url.searchParams.set(PARAMETER, `${session}.${now.toString(36)}`);
    return url.href;
  } catch {
    return address;
  }
}

/** The visit in an address, and the address without it; `undefined` where there is none to take. */
export function readLink(
  address: string,
  now: number,
  idleMs: number,
): { session: string | undefined; rest: string } | undefined {
  const url = new URL(address);
  const value = url.searchParams.get(PARAMETER);
  if (value === null) return undefined;
  url.searchParams.delete(PARAMETER);
  const [session, issued] = value.split('.');
  const age = now - parseInt(issued ?? '', 36);
  const good = isSessionId(session) && age > -60_000 && age < idleMs;
  return { session: good ? session : undefined, rest: url.href };
}
