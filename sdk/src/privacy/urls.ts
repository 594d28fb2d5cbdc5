/**
 * Addresses without what people typed: parameters are masked unless their name is on the project's list.
 *
 * The name of a parameter stays, its value becomes `*`. User names, passwords, mail addresses in the path and
 * fragments that carry values (OAuth tokens) are masked, too.
 */

/** Matches names by `*` patterns. */
export function nameMatcher(patterns: string[]): (name: string) => boolean {
  const tests = patterns.map((pattern) => glob(pattern));
  return (name) => tests.some((test) => test.test(name));
}

/** `*` = any run; everything else is meant as it is. */
export const glob = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*')}$`, 'is');

const MAIL = /[^/@\s?#&=]+(?:@|%40)[^/@\s?#&=]+\.[a-z]{2,}/gi;

const maskQuery = (query: string, allowed: (name: string) => boolean): string =>
  query.replace(/([^&=;]+)=([^&;]*)/g, (pair, name: string, value: string) =>
    value && !allowed(decode(name)) ? `${name}=*` : pair,
  );

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Masks an address, relative or whole; `data:` and `blob:` are left to the caller. */
export function maskUrl(url: string, allowed: (name: string) => boolean): string {
  const parts = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(url);
  if (!parts) return '*';
  const [, path = '', query, fragment] = parts;
  const plain = path.replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/@]*@/i, '$1//').replace(MAIL, '*');
  // A query without names (`?secret`) is a value as a whole.
  const asked = query === undefined ? '' : `?${/=/.test(query) || !query ? maskQuery(query, allowed) : '*'}`;
  return plain + asked + (fragment === undefined ? '' : `#${maskFragment(fragment, allowed)}`);
}

/** `#section` stays, `#/route?x=1` and `#token=...` are masked as queries are. */
function maskFragment(fragment: string, allowed: (name: string) => boolean): string {
  const cut = fragment.indexOf('?');
  const [route, query] = cut < 0 ? [fragment, ''] : [fragment.slice(0, cut), fragment.slice(cut)];
  return maskQuery(route, allowed).replace(MAIL, '*') + (query && `?${maskQuery(query.slice(1), allowed)}`);
}
