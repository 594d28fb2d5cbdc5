/**
 * Whether a page is to be recorded. A pattern is a glob (`*` = any run) over the whole address, over path and query
 * where it begins with `/`, or a regular expression after `re:`.
 */
import { glob } from '../privacy/urls';

const matches = (pattern: string, url: URL): boolean => {
  const path = url.pathname + url.search;
  if (pattern.startsWith('re:')) return new RegExp(pattern.slice(3)).test(url.href);
  return glob(pattern).test(pattern.startsWith('/') ? path : url.origin + path);
};

/** Fails closed: where a pattern can't be read, the page isn't recorded. */
export function isRecorded(address: string, pages: string[], exceptPages: string[]): boolean {
  try {
    const url = new URL(address);
    return pages.some((each) => matches(each, url)) && !exceptPages.some((each) => matches(each, url));
  } catch {
    return false;
  }
}
