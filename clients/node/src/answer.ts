/**
 * What an answer of the edge means for a batch (`clients/vectors/answers.json`).
 *
 * Only a 202 that accounts for each event counts as kept: a sign-in page or a proxy also answers 200. What a person can
 * mend (key, address) holds the batch and loses nothing.
 */
export type Answer =
  | { action: 'kept'; refused: Refused[] }
  | { action: 'later'; afterMs: number; why: string }
  | { action: 'hold'; why: string }
  | { action: 'split'; why: string };

/** An event that the edge won't have. */
export interface Refused {
  index: number;
  why: string;
}

/** What the network gave; status 0: nothing. */
export interface Response {
  status: number;
  retryAfter?: string | null;
  body: string;
  error?: string;
}

/** Most that is waited because the edge says so. */
const MOST_AFTER_MS = 600_000;

interface Body {
  accepted?: unknown;
  errors?: unknown;
  reason?: unknown;
  detail?: unknown;
  retry_after_ms?: unknown;
}

/** Decides. */
export function decide(response: Response, sent: number): Answer {
  const { status } = response;
  const body = json(response.body);
  const why =
    status === 0
      ? (response.error ?? '')
      : ['status', status, text(body.reason), text(body.detail)].join(' ').trim();
  if (status === 202) return accepted(body, sent);
  if (status === 0 || status === 408 || status === 429 || status >= 500) {
    return { action: 'later', afterMs: afterMs(response, body), why };
  }
  if (status === 400 || status === 413 || status === 422) return { action: 'split', why };
  return { action: 'hold', why };
}

function accepted(body: Body, sent: number): Answer {
  const refused: Refused[] = [];
  for (const error of Array.isArray(body.errors) ? (body.errors as unknown[]) : []) {
    const { index, reason, detail } = (error ?? {}) as {
      index?: unknown;
      reason?: unknown;
      detail?: unknown;
    };
    if (typeof index !== 'number' || !(index >= 0 && index < sent)) {
      return { action: 'hold', why: `the answer names event ${String(index)} of ${String(sent)}` };
    }
    refused.push({ index, why: `${text(reason)} ${text(detail)}`.trim() });
  }
  if (typeof body.accepted === 'number' && body.accepted + refused.length === sent) {
    return { action: 'kept', refused };
  }
  return {
    action: 'hold',
    why: `status 202, but not by the edge: ${String(body.accepted)} of ${String(sent)} events accepted`,
  };
}

function afterMs({ retryAfter }: Response, { retry_after_ms: exact }: Body): number {
  let ms = typeof exact === 'number' ? exact : 0;
  if (!(ms > 0) && retryAfter && /^\s*\d{1,9}\s*$/.test(retryAfter)) ms = 1_000 * Number(retryAfter);
  return Math.min(Math.max(ms, 0), MOST_AFTER_MS);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function json(body: string): Body {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
