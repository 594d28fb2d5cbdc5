/**
 * Whether a page is to be recorded. A pattern is a glob (`*` = any run) over the whole address, over path and query
 * where it begins with `/`, or a regular expression after `re:`.
 */
import { glob } from '../privacy/urls';

/** A page's address, without its fragment where a glob looks at it. */
interface Place {
  href: string;
  /** Path and query. */
  path: string;
  /** Origin, path and query. */
  whole: string;
}

const matches = (pattern: string, { href, path, whole }: Place): boolean =>
  pattern.startsWith('re:')
    ? new RegExp(pattern.slice(3)).test(href)
    : glob(pattern).test(pattern.startsWith('/') ? path : whole);

/** Fails closed: where a pattern can't be read, the page isn't recorded. */
export function isListed(place: () => Place, pages: string[], exceptPages: string[]): boolean {
  try {
    const there = place();
    return pages.some((each) => matches(each, there)) && !exceptPages.some((each) => matches(each, there));
  } catch {
    return false;
  }
}

/** Of a page of the web. */
export const isRecorded = (address: string, pages: string[], exceptPages: string[]): boolean =>
  isListed(
    () => {
      const { href, origin, pathname, search } = new URL(address);
      return { href, path: pathname + search, whole: origin + pathname + search };
    },
    pages,
    exceptPages,
  );
