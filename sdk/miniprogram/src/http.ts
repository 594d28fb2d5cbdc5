/** The two calls of the recorder by the host's `request`, which sends no `Origin`: an app key is made for that. */
import type { Answer } from '../../src/transport/answer';
import type { Door } from '../../src/transport/delivery';
import type { Answered, Host, RequestOptions } from './host';

const TIMEOUT_MS = 30_000;

/** Answers status 0 where there was no answer. */
function call(request: Host['request'], options: RequestOptions): Promise<Answer> {
  return new Promise((resolve) => {
    request({
      timeout: TIMEOUT_MS,
      ...options,
      success: ({ statusCode, data, header }: Answered) => {
        const retryAfter = header?.['Retry-After'] ?? header?.['retry-after'] ?? null;
        resolve({ status: statusCode, retryAfter, body: data });
      },
      fail: () => {
        resolve({ status: 0, retryAfter: null, body: null });
      },
    });
  });
}

export const post = (request: Host['request'], url: string, data: string): Promise<Answer> =>
  call(request, { url, method: 'POST', header: { 'content-type': 'text/plain' }, data });

export const askConfig = (request: Host['request'], { base, key }: Door): Promise<Answer> =>
  call(request, { url: `${base}v1/config?key=${encodeURIComponent(key)}` });
