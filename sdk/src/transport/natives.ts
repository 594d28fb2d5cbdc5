/**
 * The browser's own functions, as they were before the page changed them.
 *
 * A page may replace `fetch` or `JSON` before we load (mocks, old frameworks, malice). What is still the browser's
 * own is taken as it is; else a fresh copy is taken from an empty frame of the same origin, which is removed again.
 */
const isNative = (value: unknown): boolean => {
  try {
    return (
      typeof value === 'function' &&
      /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(value))
    );
  } catch {
    return false;
  }
};

/** A window that no script has touched; answers `undefined` where the page's policy forbids frames. */
function freshWindow(): (Window & typeof globalThis) | undefined {
  try {
    const frame = document.createElement('iframe');
    frame.hidden = true;
    document.documentElement.appendChild(frame);
    const fresh = frame.contentWindow as (Window & typeof globalThis) | null;
    // Read before the frame goes: its globals outlive it.
    const taken = fresh ? ({ JSON: fresh.JSON } as Window & typeof globalThis) : undefined;
    frame.remove();
    return taken;
  } catch {
    return undefined;
  }
}

const ownJson = isNative(JSON.stringify) && isNative(JSON.parse) ? JSON : (freshWindow()?.JSON ?? JSON);

/** `JSON.stringify` of the browser. */
export const stringify: (value: unknown) => string = ownJson.stringify.bind(ownJson);

/** `JSON.parse` of the browser; `undefined` for what is no JSON. */
export function parse(text: string | null | undefined): unknown {
  try {
    return text ? ownJson.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** The browser's `fetch`, or `undefined` where the page has replaced it. */
export const nativeFetch: typeof fetch | undefined = isNative(globalThis.fetch)
  ? globalThis.fetch.bind(globalThis)
  : undefined;

const Request = globalThis.XMLHttpRequest as typeof XMLHttpRequest | undefined;
const [open, send] = [Request?.prototype.open, Request?.prototype.send];

/** `XMLHttpRequest` by the methods that it had when we loaded. */
export function xhr(
  method: string,
  url: string,
  body: Blob | null,
): Promise<{ status: number; text: string; retryAfter: string | null }> {
  return new Promise((resolve, reject) => {
    if (!Request || !open || !send) {
      reject(new Error('no XMLHttpRequest'));
      return;
    }
    const request = new Request();
    request.onloadend = () => {
      const { status, responseText: text } = request;
      resolve({ status, text, retryAfter: status ? request.getResponseHeader('Retry-After') : null });
    };
    open.call(request, method, url, true);
    request.timeout = 30_000;
    send.call(request, body);
  });
}
