import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Response } from './answer.ts';

/** Takes JSON lines to the edge; never fails: no answer is a response of status 0. */
export type Transport = (lines: Buffer) => Promise<Response>;

const pack = promisify(gzip);

/**
 * Batches by the runtime's own `fetch`, as gzip; bad events are named by the edge and don't refuse the others.
 * Redirects aren't followed: a key must not go to an address that nobody set.
 */
export function httpTransport(url: string, key: string, waitMs: number): Transport {
  const address = `${url.replace(/\/+$/, '')}/v1/audit?on_error=skip`;
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/jsonl',
    'content-encoding': 'gzip',
  };
  return async (lines) => {
    try {
      const body = await pack(lines, { level: constants.Z_BEST_SPEED });
      const signal = AbortSignal.timeout(waitMs);
      const answer = await fetch(address, {
        method: 'POST',
        headers,
        body: new Uint8Array(body),
        redirect: 'manual',
        signal,
      });
      return {
        status: answer.status,
        retryAfter: answer.headers.get('retry-after'),
        body: await answer.text(),
      };
    } catch (failure) {
      return { status: 0, body: '', error: reason(failure) };
    }
  };
}

function reason(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  return failure.cause instanceof Error ? `${failure.message}: ${failure.cause.message}` : failure.message;
}
