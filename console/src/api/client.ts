/**
 * The one place where the console talks HTTP. Every refusal becomes an `ApiError` that carries the server's
 * problem+json, a network failure one with `reason: 'unreachable'`; 401 is also told to `onSignedOut`.
 * The cookie that `POST /v1/login` sets is HttpOnly: no script here ever holds a credential.
 */

export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  reason?: string;
  retry_after_ms?: number;
  position?: number;
  hint?: string;
  errors?: {
    index?: number;
    pointer?: string;
    reason?: string;
    detail?: string;
    position?: number;
    hint?: string;
  }[];
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail ?? problem.title ?? `HTTP ${String(status)}`);
  }
  get reason(): string {
    return this.problem.reason ?? '';
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

let language = 'en-US';
let signedOut: () => void = () => undefined;

/** Errors are worded by the server, in the reader's language. */
export function setLanguage(tag: string): void {
  language = tag;
}

export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

/** A path with its query; empty values are left out, so that a cleared filter is no filter. */
export function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

interface Options {
  method?: string;
  body?: string;
  type?: string;
  accept?: string;
  signal?: AbortSignal;
  /** The sign-in page handles its own 401. */
  keepPage?: boolean;
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null) return body;
  } catch {
    // Not JSON: a proxy in between answered. Its words are all there is to show.
  }
  return { status: response.status, title: `HTTP ${String(response.status)}`, detail: text.slice(0, 300) };
}

export async function send(path: string, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = {
    Accept: options.accept ?? 'application/json',
    'Accept-Language': language,
  };
  if (options.body !== undefined) headers['Content-Type'] = options.type ?? 'application/json';
  let response: Response;
  try {
    response = await fetch(path, {
      method: options.method ?? 'GET',
      headers,
      credentials: 'same-origin',
      ...(options.body === undefined ? {} : { body: options.body }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, { reason: 'unreachable' });
  }
  if (response.ok) return response;
  if (response.status === 401 && !options.keepPage) signedOut();
  throw new ApiError(response.status, await problemOf(response));
}

export async function json<T>(path: string, options: Options = {}): Promise<T> {
  const response = await send(path, options);
  return (await response.json()) as T;
}

/** True for the quiet end of a request that a newer one replaced. */
export function aborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
