import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * During which recorded visit a request was made, and from where: read from `traceparent` (W3C Trace Context) and
 * `baggage` (W3C Baggage), which the recorder in the page adds. Headers come from anybody: what isn't valid is left
 * out, and a header above 8 KiB isn't read.
 */
export interface RequestContext {
  sessionId?: string;
  tab?: string;
  traceId?: string;
  ip?: string;
  userAgent?: string;
}

const MOST_HEADER_CHARS = 8_192;
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;
const SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TAB = /^[A-Za-z0-9_-]{1,40}$/;

const current = new AsyncLocalStorage<RequestContext>();

/** The context in which this code runs. */
export function currentContext(): RequestContext {
  return current.getStore() ?? {};
}

/** Runs with a context: also whatever it starts and awaits. */
export function withContext<T>(context: RequestContext, run: () => T): T {
  return current.run(context, run);
}

/** Reads the two headers. */
export function parseContext(traceparent: string | undefined, baggage: string | undefined): RequestContext {
  const context: RequestContext = {};
  const sessionId = member(baggage, 'hindsight.session', (value) => SESSION.test(value.toLowerCase()));
  const tab = member(baggage, 'hindsight.tab', (value) => TAB.test(value));
  const traceId = trace(traceparent);
  if (sessionId !== undefined) context.sessionId = sessionId.toLowerCase();
  if (tab !== undefined) context.tab = tab;
  if (traceId !== undefined) context.traceId = traceId;
  return context;
}

function trace(traceparent: string | undefined): string | undefined {
  if (traceparent === undefined || traceparent.length > MOST_HEADER_CHARS) return undefined;
  const parts = TRACEPARENT.exec(traceparent.trim());
  // Version 00 is exactly these four parts; later versions may have more behind them.
  return parts && (parts[3] === undefined || parts[1] !== '00') ? parts[2] : undefined;
}

function member(
  baggage: string | undefined,
  name: string,
  isValid: (value: string) => boolean,
): string | undefined {
  if (baggage === undefined || baggage.length > MOST_HEADER_CHARS) return undefined;
  for (const one of baggage.split(',')) {
    const pair = one.split(';', 1)[0] ?? '';
    const equals = pair.indexOf('=');
    if (equals >= 0 && pair.slice(0, equals).trim() === name) {
      const value = decoded(pair.slice(equals + 1).trim());
      if (value !== undefined && isValid(value)) return value;
    }
  }
  return undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
