/**
 * A host as WeChat's: `request` behind a getter, storage that outlives a launch, and a framework that registers pages
 * and calls their methods. Requests are answered by a function.
 */
import type { Answered, Host, Options, Register, RequestOptions, World } from '../src/host';

export interface Sent {
  session: string;
  tab: string;
  seq: number;
  events: { type: number; timestamp: number; data: { tag?: string; payload?: Record<string, unknown> } }[];
}

const BATCH = /\/v1\/recordings\/([^/]+)\/([^/]+)\/(\d+)\?(.*)$/;

export class FakeHost {
  readonly asked: RequestOptions[] = [];
  readonly registered: Options[] = [];
  readonly open: { route?: string; options?: Record<string, string> }[] = [];
  recording: Record<string, unknown> = {};
  /** What a batch is answered, `undefined` for no answer; default: kept. */
  reply: (sent: Sent) => Answered | undefined = () => ({
    statusCode: 202,
    data: { accepted: 1, level: 'L4', now_ms: Date.now() },
  });
  /** What the mini-program's own requests are answered. */
  own: (options: RequestOptions) => Answered | undefined = () => ({ statusCode: 200, data: {} });
  readonly taken: Sent[] = [];
  readonly errors: ((error: unknown) => void)[] = [];
  readonly world: World;

  constructor(readonly storage = new Map<string, unknown>()) {
    const register: Register = (options) => this.registered.push(options);
    const host = {
      getStorageSync: (key: string) => structuredClone(storage.get(key)) ?? '',
      setStorageSync: (key: string, value: unknown) => storage.set(key, structuredClone(value)),
      removeStorageSync: (key: string) => storage.delete(key),
      getSystemInfoSync: () => ({ screenWidth: 375, screenHeight: 812, language: 'zh_CN', platform: 'ios' }),
      getLaunchOptionsSync: () => ({ scene: 1001 }),
      onError: (heard: (error: unknown) => void) => this.errors.push(heard),
    };
    Object.defineProperty(host, 'request', { configurable: true, get: () => this.request });
    const pages = (): typeof this.open => this.open;
    this.world = {
      host: host as unknown as Host,
      answersPromises: false,
      App: register,
      Page: register,
      Component: register,
      pages,
    };
  }

  /** As a page's `Page({...})`, and its being opened. */
  visit(options: Options, route: string, query: Record<string, string> = {}): void {
    this.world.Page?.(options);
    this.open.push({ route, options: query });
    this.call(options, 'onShow', { route, options: query });
  }

  call(options: Options, name: string, self: object, ...values: unknown[]): unknown {
    return (options[name] as (...values: unknown[]) => unknown).apply(self, values);
  }

  events(): Sent['events'] {
    return [...this.taken].sort((a, b) => a.seq - b.seq).flatMap(({ events }) => events);
  }

  facts(name: string): Record<string, unknown>[] {
    return this.events()
      .filter(({ data }) => data.tag === `hindsight.${name}`)
      .map(({ data }) => data.payload ?? {});
  }

  private readonly request = (options: RequestOptions): unknown => {
    this.asked.push(options);
    const answer = this.answer(options);
    queueMicrotask(() => {
      if (answer) options.success?.(answer);
      else options.fail?.({ errMsg: 'request:fail' });
      options.complete?.(answer ?? {});
    });
    return { abort: () => undefined };
  };

  private answer(options: RequestOptions): Answered | undefined {
    if (options.url.includes('/v1/config')) {
      const recording = { flush_every_ms: 2_000, ...this.recording };
      return { statusCode: 200, data: { source: 'mini', recording, limits: {}, now_ms: Date.now() } };
    }
    const batch = BATCH.exec(options.url);
    if (!batch) return this.own(options);
    const [, session = '', tab = '', seq = ''] = batch;
    const events = String(options.data)
      .split('\n')
      .map((line) => JSON.parse(line) as Sent['events'][number]);
    const sent = { session, tab, seq: Number(seq), events };
    const answer = this.reply(sent);
    const isNew = !this.taken.some(
      (each) => each.session === session && each.tab === tab && each.seq === sent.seq,
    );
    if (answer?.statusCode === 202 && isNew) this.taken.push(sent);
    return answer;
  }
}

/** A tap as the framework hands it to a page's handler. */
export const tap = (id: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'tap',
  timeStamp: Math.random(),
  currentTarget: { id, dataset: {} },
  detail: { x: 10.4, y: 20 },
  ...more,
});
