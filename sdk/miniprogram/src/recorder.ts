/**
 * The recorder behind the package's default export: consent, settings, one visit at a time.
 *
 * What happens before the settings are there waits, at most `MOST_WAITING`. No method throws into the mini-program.
 */
import type { Level } from '../../src/capture/levels';
import { readEventConfig, type EventConfig } from '../../src/config';
import { describe, scrubText } from '../../src/privacy/text';
import { backoffMs } from '../../src/transport/answer';
import { Clock } from '../../src/transport/clock';
import type { Door } from '../../src/transport/delivery';
import type { ConsentState, MiniProgram, PageInfo, StartOptions, User } from './api';
import { safely, type World } from './host';
import { askConfig } from './http';
import { watchRequests } from './requests';
import { Shelf } from './storage';
import { Visit } from './visit';
import { wrapApp, wrapPages } from './wrap';

const MOST_WAITING = 1_000;
/** Settings of an earlier launch are good for this long where the server doesn't answer. */
const STALE_MS = 24 * 3_600_000;
const CONSENT = 'hindsight.consent';
const CONFIG = 'hindsight.config';
const STACK_CHARS = 4_000;
const NO_SETTINGS = 'no settings yet';
/** Texts of one field within this time are one input. */
const TYPED_MS = 1_000;

interface Remembered {
  at: number;
  door: string;
  body: unknown;
  offsetMs: number;
}

export class Recorder implements MiniProgram {
  private options: Partial<StartOptions> = {};
  private visit: Visit | undefined;
  private waiting: ((visit: Visit) => void)[] = [];
  private off = 'not started';
  private run = 0;
  private watches = false;
  private address = '';
  private readonly shelf: Shelf;
  /** The host's own: what the recorder asks is no fact about the mini-program. */
  private readonly request: World['host']['request'];
  private typedAt: Record<string, number> = {};

  constructor(private readonly world: World) {
    this.shelf = new Shelf(world.host);
    this.request = world.host.request.bind(world.host);
  }

  get session_id(): string | undefined {
    return this.visit?.status().session;
  }

  status(): ReturnType<MiniProgram['status']> {
    return this.visit?.status() ?? { state: 'off', why: this.off };
  }

  start(options: Partial<StartOptions> = {}): void {
    safely(() => {
      if (this.off === '' && this.status().state !== 'off') return;
      this.options = { ...this.options, ...options };
      // Pages register once, when the mini-program is loaded: watched from then on, recorded when it may be.
      this.watch();
      const { key, server } = this.options;
      if (!key || !server) {
        this.off = 'no key or server';
        return;
      }
      if (this.options.consent === 'required' && this.shelf.read(CONSENT) !== 'granted') {
        this.off = 'no consent yet';
        return;
      }
      this.off = NO_SETTINGS;
      this.visit = undefined;
      this.arrive();
      void this.open({ key, base: server.replace(/\/?$/, '/') }, ++this.run);
    });
  }

  stop(): void {
    this.quit(() => this.visit?.stop('stopped by the app'), 'stopped by the app');
  }

  identify(user: User | string): void {
    const { user_id, user_name } = typeof user === 'string' ? { user_id: user, user_name: undefined } : user;
    this.call((visit) => {
      visit.identify(String(user_id), user_name);
    });
  }

  reference(type: string, id: string | number): void {
    this.say('reference', { type, id: String(id) });
  }

  track(name: string, properties: Record<string, unknown> = {}): void {
    this.say('track', { name, properties });
  }

  page(info: PageInfo = {}): void {
    const { address } = this;
    this.call((visit) => {
      visit.page(info.url ?? address, { ...info });
    });
  }

  end(reason = ''): void {
    this.call((visit) => {
      visit.end(reason);
    });
  }

  consent(state: ConsentState | boolean): void {
    if (state === true || state === 'granted') {
      this.shelf.write(CONSENT, 'granted');
      this.start();
      return;
    }
    this.quit(() => this.visit?.forget('consent denied'), 'consent denied');
    this.waiting = [];
    this.shelf.remove(CONSENT);
  }

  link(url: string): string {
    const session = this.session_id;
    if (!session) return url;
    const [, bare = url, fragment = ''] = /^([^#]*)(.*)$/s.exec(url) ?? [];
    const mark = `hindsight_link=${session}.${Date.now().toString(36)}`;
    return `${bare}${bare.includes('?') ? '&' : '?'}${mark}${fragment}`;
  }

  /** For uni-app outside WeChat, where no page registers itself: `app.mixin(hindsight.mixin())`. */
  mixin(): { onShow: () => void } {
    return {
      onShow: () => {
        const [page] = this.world.pages().slice(-1);
        if (!this.world.Page && page?.route) this.shown(page.route, page.options ?? {});
      },
    };
  }

  private quit(run: () => void, why: string): void {
    this.run++;
    safely(run);
    this.off = why;
  }

  /** Something of the business: somebody is there. */
  private say(name: string, payload: Record<string, unknown>, at = Date.now()): void {
    this.call((visit) => {
      if (visit.active()) visit.say(name, payload, at);
    });
  }

  private call(made: (visit: Visit) => void): void {
    safely(() => {
      if (this.visit) made(this.visit);
      else if (this.waiting.length < MOST_WAITING) this.waiting.push(made);
    });
  }

  /** Reads the settings and begins; tries again while the server is away and nothing is remembered. */
  private async open(door: Door, run: number): Promise<void> {
    for (let attempt = 0; run === this.run; attempt++) {
      const told = await this.ask(door);
      if (run !== this.run) return;
      if (typeof told === 'string') {
        this.off = told;
        return;
      }
      const config = readEventConfig(told?.body);
      if (config && told) {
        this.begin(door, config, told.offsetMs);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt, Math.random())));
    }
  }

  /** The server's settings, else remembered ones; a text says why there will be none. */
  private async ask(door: Door): Promise<Remembered | string | undefined> {
    const sentAt = Date.now();
    const { status, body } = await askConfig(this.request, door);
    const { reason, now_ms } = (body ?? {}) as { reason?: string; now_ms?: number };
    if (status === 401 || status === 403) return reason ?? `http_${String(status)}`;
    const name = door.base + door.key;
    if (status !== 200 || !readEventConfig(body)) {
      const stored = this.shelf.read(CONFIG) as Remembered | undefined;
      return stored?.door === name && Math.abs(sentAt - stored.at) < STALE_MS ? stored : undefined;
    }
    const clock = new Clock(Date.now);
    clock.heard(now_ms ?? NaN, sentAt);
    const told = { at: sentAt, door: name, body, offsetMs: clock.offsetMs };
    this.shelf.write(CONFIG, told);
    return told;
  }

  private begin(door: Door, config: EventConfig, offsetMs: number): void {
    const { options, shelf, request } = this;
    const clock = new Clock(Date.now, offsetMs);
    const visit = new Visit({ host: this.world.host, request, shelf, door, options, config, clock });
    this.visit = visit;
    this.off = '';
    visit.start();
    for (const made of this.waiting.splice(0)) made(visit);
  }

  private watch(): void {
    if (this.watches) return;
    this.watches = true;
    const { host } = this.world;
    wrapPages(this.world, {
      shown: (route, query) => {
        this.shown(route, query);
      },
      tapped: (selector, text, x, y) => {
        this.tapped(selector, text, x, y);
      },
      typed: (selector) => {
        this.typed(selector);
      },
    });
    wrapApp(
      this.world,
      () => {
        this.visit?.active();
        this.visit?.hurry();
      },
      () => this.visit?.leave(),
    );
    watchRequests(this.world, {
      tell: ({ url, ...rest }) => {
        this.fact('network', 2, (visit) => ({ ...rest, url: visit.url(String(url)) }));
      },
      now: Date.now,
      baggage: (url) => this.visit?.baggage(url),
    });
    safely(() => {
      host.onError?.((error) => {
        this.broke(error);
      });
      host.onUnhandledRejection?.(({ reason }) => {
        this.broke(reason);
      });
      host.onNetworkStatusChange?.(({ isConnected }) => {
        if (isConnected) this.visit?.hurry();
      });
    });
  }

  /** What was seen, as against what was said: before consent it is not kept either. */
  private seen(made: (visit: Visit) => void): void {
    if (this.visit || this.off === NO_SETTINGS) this.call(made);
  }

  /** A fact with its time that is no sign of life. */
  private fact(name: string, level: Level, payload: (visit: Visit) => Record<string, unknown>): void {
    const at = Date.now();
    this.seen((visit) => {
      visit.say(name, payload(visit), at, level);
    });
  }

  private shown(route: string, query: Record<string, string>): void {
    const pairs = Object.keys(query).map((name) => `${name}=${encodeURIComponent(String(query[name]))}`);
    this.address = `/${route.replace(/^\//, '')}${pairs.length ? `?${pairs.join('&')}` : ''}`;
    this.arrive();
  }

  private arrive(): void {
    const { address } = this;
    const at = Date.now();
    if (address) {
      this.seen((visit) => {
        visit.shown(address, at);
      });
    }
  }

  /** As in the browser: rrweb's own event, which counts, and beside it what was hit. */
  private tapped(selector: string, text: string, x: number, y: number): void {
    const timestamp = Date.now();
    this.seen((visit) => {
      if (!visit.active()) return;
      visit.add({ type: 3, data: { source: 2, type: 2, id: 0, x, y }, timestamp }, 2);
      visit.say('click', { selector, text: scrubText(text, 80), x, y }, timestamp, 2);
    });
  }

  /** What was typed or chosen is never read. */
  private typed(selector: string): void {
    const timestamp = Date.now();
    const before = this.typedAt;
    if (timestamp - (before[selector] ?? 0) < TYPED_MS) return;
    // One field at a time: another one's time would only grow the list.
    this.typedAt = { [selector]: timestamp };
    this.seen((visit) => {
      if (!visit.active()) return;
      visit.add({ type: 3, data: { source: 5, id: 0, text: '', isChecked: false }, timestamp }, 2);
      visit.say('input', { selector }, timestamp, 2);
    });
  }

  private broke(error: unknown): void {
    const stack = typeof error === 'string' ? error : ((error as Partial<Error> | undefined)?.stack ?? '');
    const message = describe(error).split('\n')[0] ?? '';
    this.fact('error', 1, () => ({ message: scrubText(message), stack: scrubText(stack, STACK_CHARS) }));
  }
}
