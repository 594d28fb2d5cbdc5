/**
 * The two calls of the recorder, as *simple requests*: a visit causes no preflight (API.md 'Writing').
 *
 * Only the page's origin is told as referrer: its address may hold what must not leave.
 */
import type { Answer } from './answer';
import { nativeFetch, parse, xhr } from './natives';

/** Browsers refuse more than 64 KiB of requests that outlive their page; a batch of ours may take this much. */
export const KEEPALIVE_BYTES = 48 * 1024;

const TIMEOUT_MS = 30_000;
const canKeepAlive = typeof Request === 'function' && 'keepalive' in Request.prototype;

const asText = (bytes: Uint8Array<ArrayBuffer>): Blob => new Blob([bytes], { type: 'text/plain' });

/** Sends a body; rejects, or answers status 0, where there was no answer. */
export async function post(url: string, bytes: Uint8Array<ArrayBuffer>, leaving: boolean): Promise<Answer> {
  const body = asText(bytes);
  if (leaving && !(nativeFetch && canKeepAlive)) {
    navigator.sendBeacon(url, body);
    return { status: 0, retryAfter: null, body: null };
  }
  if (!nativeFetch) {
    const { status, text, retryAfter } = await xhr('POST', url, body);
    return { status, retryAfter, body: parse(text) };
  }
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort();
  }, TIMEOUT_MS);
  try {
    const response = await nativeFetch(url, {
      method: 'POST',
      body,
      keepalive: canKeepAlive && (leaving || bytes.length <= KEEPALIVE_BYTES / 4),
      credentials: 'omit',
      referrerPolicy: 'strict-origin',
      signal: abort.signal,
    });
    const text = await response.text();
    return { status: response.status, retryAfter: response.headers.get('Retry-After'), body: parse(text) };
  } finally {
    clearTimeout(timer);
  }
}

/** Reads JSON; `undefined` body where there is none. */
export async function getJson(url: string): Promise<Answer> {
  if (!nativeFetch) {
    const { status, text } = await xhr('GET', url, null);
    return { status, retryAfter: null, body: parse(text) };
  }
  const response = await nativeFetch(url, { credentials: 'omit', referrerPolicy: 'strict-origin' });
  return { status: response.status, retryAfter: null, body: parse(await response.text()) };
}
