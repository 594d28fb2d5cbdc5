/**
 * One launch of the mini-program: the same session, tab and sequence rules as in the browser, without a picture.
 *
 * Invariant: within (session, tab) sequence numbers have no hole; a batch that was sent is never changed. Bound: the
 * outbox and the storage have theirs; whatever fails is in `status()`.
 */
import { Levels, type Level } from '../../src/capture/levels';
import type { EventConfig } from '../../src/config';
import { maskUrl, nameMatcher } from '../../src/privacy/urls';
import { isListed } from '../../src/session/pages';
import { isOtherUser, overBy, readSession, type Session } from '../../src/session/session';
import { Batcher, type Line } from '../../src/transport/batcher';
import type { Clock } from '../../src/transport/clock';
import { Delivery, type DeliveryStatus, type Door } from '../../src/transport/delivery';
import { randomHex, sessionId, shareOf, tabId } from '../../src/transport/identity';
import type { Packet } from '../../src/transport/outbox';
import { startFact } from './startFact';
import type { StartOptions } from './api';
import type { Host } from './host';
import { post } from './http';
import { StoredPackets, type Shelf } from './storage';

const BATCH_CHARS = 64_000;
const URGENT_MS = 1_000;
const OUTBOX_CHARS = 2_000_000;
/** Most that waits for an error; above it the oldest goes. */
const WAITING_CHARS = 500_000;
const SESSION = 'hindsight.session';

export interface Status extends DeliveryStatus {
  state: 'recording' | 'off';
  /** Why nothing, or less than everything, is recorded. */
  why: string;
  session: string | undefined;
  tab: string;
  level: number;
  batches: number;
}

export interface Around {
  host: Host;
  /** The host's own, before it was wrapped. */
  request: Host['request'];
  shelf: Shelf;
  door: Door;
  options: Partial<StartOptions>;
  config: EventConfig;
  clock: Clock;
}

interface RecorderEvent {
  type: number;
  data: Record<string, unknown>;
  timestamp: number;
}

export class Visit {
  readonly tab = tabId(randomHex(4));
  private session: Session | undefined;
  private address = '';
  private seq = 0;
  /** What is said only if an error happens. */
  private untold: Line[] | undefined;
  private readonly batcher: Batcher;
  private readonly levels = new Levels(() => undefined);
  private readonly delivery: Delivery<string>;
  private readonly isAllowed: (parameter: string) => boolean;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private worthTimer: ReturnType<typeof setTimeout> | undefined;
  private off = '';

  constructor(private readonly around: Around) {
    const { config } = around;
    const limits = { chars: BATCH_CHARS, everyMs: config.flushEveryMs, urgentMs: URGENT_MS };
    this.batcher = new Batcher(limits, (lines) => {
      this.cut(lines);
    });
    this.isAllowed = nameMatcher(config.urlParameters);
    this.delivery = this.makeDelivery();
    this.levels.say('project', config.level);
  }

  start(): void {
    const stored = readSession(this.around.shelf.read(SESSION));
    this.begin(overBy(stored, Date.now(), this.limits()) ? undefined : stored);
    void this.delivery.sweep(this.tab, stored?.worth ? stored.id : undefined);
  }

  /** Ends recording; what was recorded is still sent. */
  stop(why: string): void {
    if (this.off) return;
    this.leave();
    this.off = why;
    clearTimeout(this.worthTimer);
  }

  /** As if nothing had been recorded: what hasn't left doesn't leave, and this device remembers nothing. */
  forget(why: string): void {
    this.off = why;
    this.session = undefined;
    this.batcher.flush();
    this.delivery.forget();
    for (const key of [SESSION, 'hindsight.device']) this.around.shelf.remove(key);
  }

  identify(userId: string, userName?: string): void {
    if (!this.active()) return;
    if (this.session && isOtherUser(this.session, userId)) this.begin(undefined);
    if (this.session) this.session.userId = userId;
    this.save();
    this.say('identify', { user_id: userId, ...(userName && { user_name: userName }) });
  }

  /** A page is shown: somebody is there. */
  shown(address: string, at: number): void {
    const before = this.session?.id;
    this.address = address;
    // A session that begins here begins with it.
    if (this.active() && this.session?.id === before) this.page(address, {}, at);
  }

  /** A page's address is a path with what it was opened with. */
  page(address: string, more: Record<string, unknown> = {}, at = Date.now()): void {
    const { pages, exceptPages } = this.around.config;
    const place = { href: address, path: address, whole: address };
    const isRecorded = isListed(() => place, pages, exceptPages);
    this.levels.say('page', isRecorded ? 4 : 0);
    if (isRecorded) this.say('page', { title: '', ...more, url: this.url(address) }, at);
  }

  end(reason: string): void {
    if (!this.session || this.off) return;
    this.say('end', { reason });
    this.session.ended = true;
    this.save();
    this.stop('ended');
    this.delivery.drop();
  }

  url(address: string): string {
    return maskUrl(address, this.isAllowed);
  }

  /** Says a fact. */
  say(name: string, payload: Record<string, unknown>, at = Date.now(), level: Level = 0): void {
    if (name === 'error') this.worth();
    this.add({ type: 5, data: { tag: `hindsight.${name}`, payload }, timestamp: at }, level);
  }

  /** An event of the recording; one that can't become text is left out alone. */
  add(event: RecorderEvent, level: Level): void {
    if (this.off || !this.session || level > this.levels.now) return;
    const line: Line = {
      text: textOf(event),
      at: event.timestamp,
      level,
      urgent: level < 2,
    };
    if (!line.text) return;
    if (!this.untold) this.put(line);
    else {
      this.untold.push(line);
      while (charsOf(this.untold) > WAITING_CHARS) this.untold.shift();
    }
  }

  /** Somebody is there: the session goes on, or another begins. Answers whether there is one. */
  active(): boolean {
    if (this.off || !this.session) return false;
    const now = Date.now();
    if (overBy(this.session, now, this.limits())) this.begin(undefined);
    else this.session.lastAt = now;
    this.save();
    return !this.off;
  }

  /** To the back: it may never come to the front again. */
  leave(): void {
    this.batcher.flush();
    this.delivery.outbox.leave();
  }

  hurry(): void {
    this.delivery.outbox.hurry();
  }

  baggage(url: string): string | undefined {
    const origin = /^https?:\/\/[^/?#]+/.exec(url)?.[0] ?? '';
    if (this.off || !this.session || !this.around.config.traceOrigins.includes(origin)) return undefined;
    return `hindsight.session=${this.session.id},hindsight.tab=${this.tab}`;
  }

  status(): Status {
    return {
      state: this.off ? 'off' : 'recording',
      why: this.off || this.levels.because,
      session: this.off ? undefined : this.session?.id,
      tab: this.tab,
      level: this.levels.now,
      batches: this.seq,
      ...this.delivery.status(),
    };
  }

  private begin(from: Session | undefined): void {
    const now = Date.now();
    const { config, options, host, shelf, clock } = this.around;
    this.batcher.flush();
    this.delivery.drop();
    this.session = from ?? { id: sessionId(clock.serverNow()), startedAt: now, lastAt: now };
    this.session.lastAt = now;
    this.seq = 0;
    this.save();
    if (shareOf(this.session.id) >= config.sample) {
      this.off = 'not in the sample';
      return;
    }
    this.wait(now);
    this.say('start', startFact(host, shelf, options, config));
    if (this.session.userId) this.say('identify', { user_id: this.session.userId });
    if (this.address) this.page(this.address);
  }

  /** Holds back what the project doesn't want yet: visits without an error, or too short ones. */
  private wait(now: number): void {
    const { onlyErrors, minimumMs } = this.around.config;
    const waits = !this.session?.worth;
    this.untold = waits && onlyErrors ? [] : undefined;
    this.delivery.outbox.hold(waits && !onlyErrors && minimumMs ? this.session?.id : undefined);
    clearTimeout(this.worthTimer);
    if (!waits || onlyErrors || !this.session) return;
    const rest = Math.max(0, this.session.startedAt + minimumMs - now);
    this.worthTimer = setTimeout(() => {
      this.worth();
    }, rest);
  }

  private worth(): void {
    if (!this.session || this.session.worth) return;
    this.session.worth = true;
    this.save();
    const lines = this.untold ?? [];
    this.untold = undefined;
    for (const line of lines) this.put(line);
    this.delivery.outbox.hold();
  }

  private put(line: Line): void {
    this.batcher.add(line, Date.now());
    clearTimeout(this.timer);
    const wait = this.batcher.dueAt - Date.now();
    if (wait === Infinity) return;
    this.timer = setTimeout(
      () => {
        this.batcher.flush();
      },
      Math.max(0, wait),
    );
  }

  private cut(lines: Line[]): void {
    if (!this.session) return;
    const [first, last] = [lines[0], lines[lines.length - 1]];
    this.delivery.outbox.push({
      session: this.session.id,
      tab: this.tab,
      seq: this.seq++,
      body: lines.map(({ text }) => text).join('\n'),
      encoding: 'identity',
      events: lines.length,
      fromMs: first?.at ?? 0,
      toMs: last?.at ?? 0,
      keep: true,
    });
  }

  private makeDelivery(): Delivery<string> {
    const { request, door, shelf, clock } = this.around;
    const ways = {
      bytes: OUTBOX_CHARS,
      lastBytes: BATCH_CHARS,
      post: (address: string, { body }: Packet<string>) => post(request, address, body),
      store: (dropped: () => void) => new StoredPackets(shelf, door.base + door.key, Date.now, dropped),
    };
    return new Delivery<string>(door, ways, clock, this.levels, {
      session: () => (this.off ? undefined : this.session?.id),
      anew: () => {
        this.begin(undefined);
      },
      stop: (reason) => {
        this.stop(reason);
      },
      gap: (payload) => {
        this.say('gap', payload);
      },
      prepare: () => undefined,
    });
  }

  private limits(): { idleMs: number; longestMs: number } {
    const { sessionIdleMs: idleMs, sessionLongestMs: longestMs } = this.around.config;
    return { idleMs, longestMs };
  }

  private save(): void {
    this.around.shelf.write(SESSION, this.session);
  }
}

const charsOf = (lines: Line[]): number => lines.reduce((sum, { text }) => sum + text.length, 0);

function textOf(event: RecorderEvent): string {
  try {
    const text = JSON.stringify(event) as unknown;
    return typeof text === 'string' && text.startsWith('{') ? text : '';
  } catch {
    return '';
  }
}
