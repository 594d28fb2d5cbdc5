/**
 * The recorder behind `window.hindsight`: consent, settings, one visit at a time.
 *
 * Calls before the settings are there wait, at most `MOST_CALLS`. No method ever throws into the page.
 */
import type { ConsentState, Hindsight, PageInfo, StartOptions, User } from './api';
import { readConfig, type Config } from './config';
import { isSelector } from './privacy/elements';
import { readLink, withLink } from './session/link';
import { shared } from './session/storage';
import { Clock } from './transport/clock';
import { getJson } from './transport/http';
import { backoffMs } from './transport/answer';
import type { Door } from './transport/delivery';
import type { Parts } from './parts';
import { Visit, type Status } from './visit';

const MOST_CALLS = 1_000;
/** Settings of an earlier page are good for this long without asking first. */
const FRESH_MS = 10 * 60_000;
/** And where the server doesn't answer, for this long. */
const STALE_MS = 24 * 3_600_000;
const DEFAULT_IDLE_MS = 30 * 60_000;

interface Remembered {
  at: number;
  door: string;
  body: unknown;
  offsetMs: number;
}

export class Recorder implements Hindsight {
  /** How many script tags asked for a recorder: the first counts. */
  tags = 1;
  private options: StartOptions = {};
  private visit: Visit | undefined;
  private waiting: ((visit: Visit) => void)[] = [];
  private off = 'not started';
  private run = 0;

  constructor(private readonly parts: Parts) {}

  get session_id(): string | undefined {
    return this.visit?.status().session;
  }

  /** For the overlay. */
  status(): Partial<Status> & { state: string; why: string; tags: number } {
    return { ...(this.visit?.status() ?? { state: 'off', why: this.off }), tags: this.tags };
  }

  start(options: StartOptions = {}): void {
    safely(() => {
      if (this.visit?.status().state === 'recording' || this.off === '') return;
      this.options = { ...this.options, ...options };
      if (asked()) {
        void this.parts.overlay().then((show) => {
          show(() => this.status());
        });
      }
      const { key, server } = this.options;
      if (!key || !server) {
        this.off = 'no key or server';
        return;
      }
      if (this.options.consent === 'required' && shared.read('hindsight.consent') !== 'granted') {
        this.off = 'no consent yet';
        return;
      }
      this.off = '';
      this.visit = undefined;
      const door = {
        key,
        base: new URL(server, location.href).href.replace(/[?#].*$/, '').replace(/\/?$/, '/'),
      };
      whenShown(() => void this.open(door, ++this.run));
    });
  }

  stop(): void {
    safely(() => {
      this.run++;
      this.visit?.stop('stopped by the page');
      this.off = 'stopped by the page';
    });
  }

  identify(user: User | string): void {
    this.call((visit) => {
      const { user_id, user_name } =
        typeof user === 'string' ? { user_id: user, user_name: undefined } : user;
      if ((user_id as string | undefined) !== undefined) visit.identify(String(user_id), user_name);
    });
  }

  reference(type: string, id: string | number): void {
    this.say('reference', () => ({ type, id: String(id) }));
  }

  track(name: string, properties: Record<string, unknown> = {}): void {
    this.say('track', () => ({ name, properties }));
  }

  page(info: PageInfo = {}): void {
    this.call((visit) => {
      visit.page(info);
    });
  }

  confirm(item: string, text: string): void {
    const at = Date.now();
    safely(() => {
      // Only in secure contexts: elsewhere nobody could trust it.
      void crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)).then((digest) => {
        const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
        this.say('confirm', () => ({ item, text_sha256: hex }), at);
      });
    });
  }

  end(reason = ''): void {
    this.call((visit) => {
      visit.end(reason);
      this.off = 'ended';
    });
  }

  consent(state: ConsentState | boolean): void {
    safely(() => {
      if (state === true || state === 'granted') {
        shared.write('hindsight.consent', 'granted');
        this.start();
        return;
      }
      this.run++;
      this.visit?.forget('consent denied');
      this.waiting = [];
      shared.remove('hindsight.consent');
      this.off = 'consent denied';
    });
  }

  link(url: string): string {
    const session = this.session_id;
    return session ? withLink(url, location.href, session, Date.now()) : url;
  }

  private say(name: string, payload: () => Record<string, unknown>, at = Date.now()): void {
    this.call((visit) => {
      visit.active(true);
      visit.say(name, payload(), at);
    });
  }

  private call(made: (visit: Visit) => void): void {
    safely(() => {
      if (this.visit) made(this.visit);
      else if (this.waiting.length < MOST_CALLS) this.waiting.push(made);
    });
  }

  /** Reads the settings and begins; tries again while the server is away. */
  private async open(door: Door, run: number): Promise<void> {
    const linked = readLink(location.href, Date.now(), DEFAULT_IDLE_MS);
    if (linked) history.replaceState(history.state, '', linked.rest);
    for (let attempt = 0; run === this.run; attempt++) {
      const known = remembered(door);
      const fresh = known && Date.now() - known.at < FRESH_MS ? known : undefined;
      if (fresh) void ask(door);
      const told = fresh ?? (await ask(door)) ?? known;
      if (run !== this.run) return;
      if (typeof told === 'string') {
        this.off = told;
        return;
      }
      const config = readConfig(told?.body);
      if (config && told) {
        this.begin(door, config, told.offsetMs, linked?.session);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt, Math.random())));
    }
  }

  private begin(door: Door, config: Config, offsetMs: number, linked: string | undefined): void {
    const selectors = [
      config.maskSelector,
      config.unmaskSelector,
      config.blockSelector,
      config.ignoreSelector,
    ];
    const broken = selectors.find((selector) => !isSelector(selector));
    if (broken !== undefined) {
      this.off = `the project's selector ${broken} can't be read`;
      return;
    }
    this.visit = new Visit(door, this.options, config, new Clock(Date.now, offsetMs), this.parts);
    this.visit.start(linked);
    for (const made of this.waiting.splice(0)) this.call(made);
  }
}

const CONFIG = 'hindsight.config';

function remembered(door: Door): Remembered | undefined {
  const stored = shared.read(CONFIG) as Remembered | undefined;
  const age = Date.now() - (stored?.at ?? 0);
  return stored?.door === door.base + door.key && age > -FRESH_MS && age < STALE_MS ? stored : undefined;
}

/** The server's settings; a text says why there will be none; `undefined` where it doesn't answer. */
async function ask(door: Door): Promise<Remembered | string | undefined> {
  const sentAt = Date.now();
  try {
    const { status, body } = await getJson(`${door.base}v1/config?key=${encodeURIComponent(door.key)}`);
    const { reason, now_ms } = (body ?? {}) as { reason?: string; now_ms?: number };
    if (status === 401 || status === 403) return reason ?? `http_${String(status)}`;
    if (!readConfig(body)) return undefined;
    const clock = new Clock(Date.now);
    clock.heard(now_ms ?? NaN, sentAt);
    const told = { at: Date.now(), door: door.base + door.key, body, offsetMs: clock.offsetMs };
    shared.write(CONFIG, told);
    return told;
  } catch {
    return undefined;
  }
}

const asked = (): boolean => /[?&]hindsight_debug=1\b/.test(location.search);

/** A page that is rendered ahead isn't visited yet. */
function whenShown(then: () => void): void {
  if ((document as { prerendering?: boolean }).prerendering) {
    document.addEventListener('prerenderingchange', then, { once: true });
  } else then();
}

function safely(run: () => void): void {
  try {
    run();
  } catch {
    // A recorder's failure is never the page's.
  }
}
