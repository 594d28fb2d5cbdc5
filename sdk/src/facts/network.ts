/**
 * `hindsight.network`: method, address, status and time of the page's requests, never bodies; and the trace context
 * on same-origin requests, by which a service's audit event finds the moment in the recording.
 */
import { randomHex } from '../transport/identity';
import { wrap, type Stop, type Watch } from './emit';

export interface Tracing {
  /** Whether requests to that origin may carry headers of ours: others would be asked by a preflight. */
  allows: (origin: string) => boolean;
  /** `hindsight.session=...,hindsight.tab=...`, or `undefined` while nothing is recorded. */
  baggage: () => string | undefined;
}

interface Trace {
  id: string;
  headers: Record<string, string>;
}

const absolute = (url: string): URL | undefined => {
  try {
    return new URL(url, document.baseURI);
  } catch {
    return undefined;
  }
};

/** The headers for a request, none where it goes elsewhere (W3C Trace Context, W3C Baggage). */
function traceOf(
  url: URL | undefined,
  tracing: Tracing,
  has: (name: string) => string | null,
): Trace | undefined {
  const baggage = tracing.baggage();
  if (!url || !baggage || !tracing.allows(url.origin)) return undefined;
  const theirs = has('traceparent');
  const id = theirs?.split('-')[1] ?? randomHex(16);
  const before = has('baggage');
  const headers: Record<string, string> = { baggage: before ? `${before},${baggage}` : baggage };
  if (!theirs) headers['traceparent'] = `00-${id}-${randomHex(8)}-01`;
  return { id, headers };
}

export function watchNetwork(watch: Watch, tracing: Tracing): Stop {
  const tell = (method: string, url: URL, status: number, startedAt: number, trace?: Trace): void => {
    watch.say('network', {
      method: method.toUpperCase(),
      url: watch.scrubber().url(url.href),
      status,
      duration_ms: Math.round(performance.now() - startedAt),
      ...(trace && { trace_id: trace.id }),
    });
  };
  const stops = [watchFetch(watch, tracing, tell), watchXhr(watch, tracing, tell)];
  return () => {
    stops.forEach((stop) => {
      stop();
    });
  };
}

type Tell = (method: string, url: URL, status: number, startedAt: number, trace?: Trace) => void;

function watchFetch(watch: Watch, tracing: Tracing, tell: Tell): Stop {
  return wrap(window, 'fetch', (before) => {
    const prepare = (
      input: RequestInfo | URL,
      init?: RequestInit,
    ): [URL, string, RequestInit | undefined, Trace | undefined] | undefined => {
      const request = typeof input === 'object' && 'url' in input ? input : undefined;
      const url = absolute(request ? request.url : String(input));
      if (!url || watch.isOurs(url.href)) return undefined;
      const headers = new Headers(init?.headers ?? request?.headers);
      const trace = traceOf(url, tracing, (name) => headers.get(name));
      for (const name in trace?.headers) headers.set(name, trace.headers[name] ?? '');
      return [url, init?.method ?? request?.method ?? 'GET', trace ? { ...init, headers } : init, trace];
    };
    return async function fetch(
      this: unknown,
      input: RequestInfo | URL,
      init?: RequestInit,
    ): Promise<Response> {
      let prepared: ReturnType<typeof prepare>;
      try {
        prepared = prepare(input, init);
      } catch {
        // What we can't read, the browser judges.
      }
      if (!prepared) return before.call(window, input, init);
      const [url, method, withTrace, trace] = prepared;
      const startedAt = performance.now();
      try {
        const response = await before.call(window, input, withTrace);
        tell(method, url, response.status, startedAt, trace);
        return response;
      } catch (error) {
        tell(method, url, 0, startedAt, trace);
        throw error;
      }
    };
  });
}

function watchXhr(watch: Watch, tracing: Tracing, tell: Tell): Stop {
  const opened = new WeakMap<XMLHttpRequest, { method: string; url: URL; headers: Record<string, string> }>();
  const prototype = XMLHttpRequest.prototype;
  const stops = [
    wrap(prototype, 'open', (before) => {
      return function open(this: XMLHttpRequest, method: string, address: string | URL, ...rest: unknown[]) {
        const url = absolute(String(address));
        if (url && !watch.isOurs(url.href)) opened.set(this, { method, url, headers: {} });
        else opened.delete(this);
        (before as (...args: unknown[]) => void).call(this, method, address, ...rest);
      } as typeof before;
    }),
    wrap(prototype, 'setRequestHeader', (before) => {
      return function setRequestHeader(this: XMLHttpRequest, name: string, value: string) {
        const request = opened.get(this);
        if (request) request.headers[name.toLowerCase()] = value;
        before.call(this, name, value);
      };
    }),
    wrap(prototype, 'send', (before) => {
      return function send(this: XMLHttpRequest, body?: Document | XMLHttpRequestBodyInit | null) {
        const request = opened.get(this);
        if (request) {
          const { method, url, headers } = request;
          const trace = traceOf(url, tracing, (name) => headers[name] ?? null);
          for (const name in trace?.headers) {
            // The browser joins repeated headers; what the page set stays.
            const value = name === 'baggage' ? tracing.baggage() : trace.headers[name];
            if (value) this.setRequestHeader(name, value);
          }
          const startedAt = performance.now();
          this.addEventListener('loadend', () => {
            tell(method, url, this.status, startedAt, trace);
          });
        }
        before.call(this, body);
      };
    }),
  ];
  return () => {
    stops.forEach((stop) => {
      stop();
    });
  };
}
