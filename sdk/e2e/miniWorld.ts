/**
 * A mini-program's world for the built package: `wx` or `uni` with real requests, the framework's functions, and no
 * `window`, `document` or `globalThis` of a browser.
 */
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import type { MiniProgram } from '../miniprogram/src/api';
import type { Answered, Options, Register, RequestOptions } from '../miniprogram/src/host';

const PACKAGE = new URL('../dist/miniprogram/index.js', import.meta.url);

async function request({
  url,
  method = 'GET',
  header,
  data,
  success,
  fail,
  complete,
}: RequestOptions): Promise<Answered> {
  try {
    const body = method === 'GET' ? {} : { body: String(data) };
    const response = await fetch(url, { method, ...body, ...(header && { headers: header }) });
    const text = await response.text();
    const answer = { statusCode: response.status, data: parsed(text), header: {} };
    success?.(answer);
    complete?.(answer);
    return answer;
  } catch (error) {
    fail?.(error);
    complete?.({});
    return { statusCode: 0 };
  }
}

/** As hosts do: JSON where it is some. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export class MiniWorld {
  readonly hindsight: MiniProgram;
  /** The last that was written under each key, whether or not it still lies there. */
  readonly written = new Map<string, unknown>();
  private readonly pages: { route: string; options: Record<string, string> }[] = [];
  private readonly context: Record<string, unknown>;
  private page: Options = {};

  constructor(private readonly host: 'wx' | 'uni' | undefined) {
    const storage = new Map<string, unknown>();
    const api = {
      // WeChat answers a task, uni-app a promise where it is given no callback.
      request: (options: RequestOptions) => {
        const running = request(options);
        return host === 'uni' && !options.success ? running : { abort: () => undefined };
      },
      getStorageSync: (key: string) => storage.get(key) ?? '',
      setStorageSync: (key: string, value: unknown) => {
        // As hosts do: what is stored is a copy.
        storage.set(key, structuredClone(value));
        this.written.set(key, structuredClone(value));
      },
      removeStorageSync: (key: string) => storage.delete(key),
    };
    const register: Register = () => undefined;
    const framework = {
      App: register,
      Page: register,
      Component: register,
      getCurrentPages: () => this.pages,
    };
    const exported: { exports: Partial<MiniProgram> } = { exports: {} };
    this.context = {
      setTimeout,
      clearTimeout,
      module: exported,
      exports: exported.exports,
      ...(host === 'wx' && framework),
      ...(host === 'uni' && { getCurrentPages: framework.getCurrentPages }),
      ...(host && { [host]: api }),
    };
    createContext(this.context);
    runInContext(readFileSync(PACKAGE, 'utf8'), this.context);
    this.hindsight = exported.exports as MiniProgram;
  }

  /** A page is registered and shown. */
  open(route: string, options: Record<string, string>): void {
    this.page = { onTap: () => undefined };
    (this.context['Page'] as Register | undefined)?.(this.page);
    this.pages.push({ route, options });
    (this.page['onShow'] as ((this: unknown) => void) | undefined)?.call({ route, options });
  }

  tap(id: string): Promise<void> {
    const event = {
      type: 'tap',
      timeStamp: Date.now(),
      currentTarget: { id, dataset: {} },
      detail: { x: 1, y: 2 },
    };
    (this.page['onTap'] as (event: unknown) => void)(event);
    return Promise.resolve();
  }

  /** A request of the mini-program's own, as its host takes it. */
  async ask(url: string): Promise<void> {
    const api = this.context[this.host ?? ''] as { request: (options: RequestOptions) => unknown };
    if (this.host === 'uni') await api.request({ url });
    else await new Promise<void>((resolve) => void api.request({ url, complete: () => resolve() }));
  }

  close(): void {
    this.hindsight.stop();
  }
}
