/**
 * `hindsight.network` for each request of the mini-program: method, address, status, time; never a body. Requests to
 * origins that the project names carry `traceparent` and `baggage`, so that a service's audit event finds its moment.
 */
import { randomHex } from '../../src/transport/identity';
import { safely, type Answered, type RequestOptions, type World } from './host';

export interface Requests {
  tell: (payload: Record<string, unknown>) => void;
  now: () => number;
  /** `hindsight.session=...,hindsight.tab=...` where this address may carry it. */
  baggage: (url: string) => string | undefined;
}

/** Told of an answer, or of what stands in for one. */
type Told = (answer: unknown) => void;

/** The request as it goes out, and who is told of its answer. */
function prepare(options: RequestOptions, watch: Requests): [RequestOptions, Told] {
  const { url, method = 'GET', header } = options;
  const startedAt = watch.now();
  const baggage = watch.baggage(url);
  const trace = randomHex(16);
  const told: Told = (answer) => {
    safely(() => {
      const duration_ms = watch.now() - startedAt;
      const traced = baggage && { trace_id: trace };
      watch.tell({ method: method.toUpperCase(), url, status: statusOf(answer), duration_ms, ...traced });
    });
  };
  const carried = baggage && { baggage, traceparent: `00-${trace}-${randomHex(8)}-01` };
  return [carried ? { ...options, header: { ...header, ...carried } } : { ...options }, told];
}

const statusOf = (answer: unknown): number => {
  // uni-app of Vue 2 answers [error, answer].
  const one = (Array.isArray(answer) ? answer[1] : answer) as Partial<Answered> | undefined;
  return Number(one?.statusCode ?? 0);
};

export function watchRequests({ host, answersPromises }: World, watch: Requests): void {
  const before = host.request;
  const request = (given: RequestOptions): unknown => {
    let ready: [RequestOptions, Told] | undefined;
    safely(() => {
      ready = prepare(given, watch);
    });
    if (!ready) return before.call(host, given);
    const [options, told] = ready;
    const { success, fail, complete } = options;
    // A callback of ours would take the promise away.
    const byCallback = !answersPromises || Boolean(success ?? fail ?? complete);
    if (byCallback) options.complete = after(complete, told);
    const running = before.call(host, options);
    if (!byCallback) void (running as Promise<unknown>).then(told, told);
    return running;
  };
  safely(() => {
    // WeChat's own is a getter.
    const own = { configurable: true, enumerable: true, writable: true };
    Object.defineProperty(host, 'request', { ...own, value: request });
  });
}

const after =
  (complete: RequestOptions['complete'], told: Told): NonNullable<RequestOptions['complete']> =>
  (answer) => {
    told(answer);
    complete?.(answer);
  };
