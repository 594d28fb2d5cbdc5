/**
 * One document load from start to end: ties session, picture, facts, stream and outbox together.
 *
 * Invariant: whatever fails here, the page doesn't notice; the reason is in `status()`, which the overlay shows.
 * A session's batches are numbered by its own stream; whoever changes the session (`begin`) takes a new keyframe.
 */
import type { PageInfo, StartOptions } from './api';
import { Budget } from './capture/budget';
import { Keyframes } from './capture/keyframes';
import { Levels, type Level } from './capture/levels';
import { nodeOf, Picture, type RrwebEvent } from './capture/picture';
import { fact, Stream } from './capture/stream';
import { Throttle } from './capture/throttle';
import type { Config } from './config';
import { listen, type Stop, type Watch } from './facts/emit';
import { watchClicks } from './facts/clicks';
import { watchConsole, watchErrors } from './facts/errors';
import { watchMoves } from './facts/moves';
import { watchNetwork } from './facts/network';
import { watchVitals } from './facts/vitals';
import { Scrubber } from './privacy/scrub';
import { nameMatcher } from './privacy/urls';
import { isRecorded } from './session/pages';
import { isOtherUser, overBy, readSession, type Session } from './session/session';
import { shared, windowOwn } from './session/storage';
import { Clock } from './transport/clock';
import { Delivery, type DeliveryStatus, type Door, type Ways } from './transport/delivery';
import { KEEPALIVE_BYTES, post } from './transport/http';
import { randomHex, sessionId, shareOf, tabId } from './transport/identity';
import { IndexedDbStore } from './transport/indexedDb';
import { Packer } from './transport/pack';
import type { Parts } from './parts';
import { startFact } from './visitFacts';

/** A batch is cut at this many characters: packed, it passes through the last flush. */
const BATCH_CHARS = 128_000;
const URGENT_MS = 1_000;
const OUTBOX_BYTES = 5_000_000;
const LOOK_MS = 15_000;
const ACTIVE_MS = 1_000;

export interface Status extends DeliveryStatus {
  state: 'recording' | 'held' | 'off';
  /** Why nothing, or less than everything, is recorded. */
  why: string;
  session: string | undefined;
  tab: string;
  level: Level;
  batches: number;
  /** How far the server's clock is ahead of this one. */
  aheadMs: number;
}

export class Visit {
  readonly tab: string;
  session: Session | undefined;
  private readonly levels: Levels;
  private readonly scrubber: Scrubber;
  private readonly picture: Picture;
  private readonly packer: Packer;
  private readonly stream: Stream;
  private readonly throttle: Throttle;
  private readonly delivery: Delivery;
  private readonly keyframes: Keyframes;
  private readonly budget = new Budget(Date.now());
  private stops: Stop[] = [];
  private off = 'not started';
  private activeAt = 0;
  private metaAt = 0;
  private worthTimer: ReturnType<typeof setTimeout> | undefined;
  private tellVitals: () => void = () => undefined;

  constructor(
    private readonly door: Door,
    private readonly options: StartOptions,
    private readonly config: Config,
    private readonly clock: Clock,
    parts: Parts,
  ) {
    this.packer = new Packer(parts.flate);
    const owned = windowOwn.read('hindsight.window');
    const window = typeof owned === 'string' && /^\w{8}$/.test(owned) ? owned : randomHex(4);
    windowOwn.write('hindsight.window', window);
    this.tab = tabId(window);
    const allowed = nameMatcher(config.urlParameters);
    this.scrubber = new Scrubber({ ...config, allowed }, nodeOf);
    this.levels = new Levels(() => {
      this.apply();
    });
    this.delivery = new Delivery(door, ways(door), clock, this.levels, {
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
      prepare: () => void this.packer.prepare(),
    });
    this.keyframes = new Keyframes(config.keyframeEveryMs);
    this.stream = new Stream({
      tab: this.tab,
      packer: this.packer,
      limits: {
        chars: BATCH_CHARS,
        everyMs: config.flushEveryMs,
        urgentMs: Math.min(URGENT_MS, config.flushEveryMs),
      },
      recordBytes: config.recordBytes,
      inflatedBytes: config.inflatedBytes,
      scrubber: this.scrubber,
      level: () => this.levels.now,
      now: Date.now,
      packed: (packet) => {
        this.delivery.outbox.push(packet);
      },
      tooLarge: () => {
        this.levels.say('keyframe_too_large', 0);
      },
      passed: (event, chars) => {
        this.passed(event, chars);
      },
    });
    this.throttle = new Throttle(config.inputEveryMs, (event) => {
      this.stream.add(event);
    });
    this.picture = new Picture(
      config,
      this.scrubber,
      (event) => {
        this.drawn(event);
      },
      (reason) => {
        this.levels.say(reason, 0);
      },
      () => {
        this.pause(this.budget.overdraw());
      },
    );
  }

  /** Begins to record. */
  start(linked: string | undefined): void {
    this.off = '';
    this.levels.say('project', this.config.level);
    const stored = readSession(shared.read('hindsight.session'));
    const over = overBy(stored, Date.now(), this.limits());
    // Of a visit that comes back to its own origin more is known than its link says.
    const from = over || (linked && linked !== stored?.id) ? undefined : stored;
    this.begin(from ?? (linked ? { id: linked, startedAt: Date.now(), lastAt: Date.now() } : undefined));
    if (!this.off) this.watch();
    void alone(() => this.delivery.sweep(this.tab, stored?.worth ? stored.id : undefined));
  }

  /** Ends recording; what was recorded is still sent. */
  stop(why: string): void {
    if (this.off) return;
    this.throttle.flush();
    this.stream.leave(false);
    this.delivery.outbox.leave();
    this.off = why;
    this.quiet();
  }

  /** As if nothing had been recorded: what hasn't left doesn't leave, and this browser remembers nothing. */
  forget(why: string): void {
    this.off = why;
    this.quiet();
    this.stream.forget();
    this.delivery.forget();
    shared.remove('hindsight.session');
    shared.remove('hindsight.device');
    this.session = undefined;
  }

  identify(userId: string, userName?: string): void {
    if (!this.session || this.off) return;
    this.active(true);
    if (isOtherUser(this.session, userId)) this.begin(undefined);
    this.session.userId = userId;
    this.save();
    this.say('identify', { user_id: userId, ...(userName && { user_name: userName }) });
  }

  page(info: PageInfo): void {
    const url = this.scrubber.url(info.url ?? location.href);
    this.say('page', { title: document.title, ...info, url });
  }

  end(reason: string): void {
    if (!this.session || this.off) return;
    this.say('end', { reason });
    this.session.ended = true;
    this.save();
    this.stop('ended');
    this.delivery.drop();
  }

  /** Says a fact now; business facts show that somebody is there. */
  say(name: string, payload: Record<string, unknown>, at = Date.now()): void {
    if (this.off || (name === 'page' && this.levels.because.includes('page'))) return;
    if (name === 'error') this.worth();
    this.stream.add(fact(name, payload, at));
  }

  status(): Status {
    const held = this.isHeld();
    return {
      state: this.off ? 'off' : held ? 'held' : 'recording',
      why:
        this.off || [held ? 'waits to be worth keeping' : '', this.levels.because].filter(Boolean).join('; '),
      session: this.off ? undefined : this.session?.id,
      tab: this.tab,
      level: this.levels.now,
      batches: this.stream.next,
      ...this.delivery.status(),
      aheadMs: this.clock.offsetMs,
    };
  }

  /** Somebody is there: the session goes on, or another begins. */
  active(force = false): void {
    const now = Date.now();
    if (this.off || !this.session || (!force && now - this.activeAt < ACTIVE_MS)) return;
    this.activeAt = now;
    const stored = readSession(shared.read('hindsight.session'));
    if (overBy(stored, now, this.limits())) {
      this.begin(undefined);
    } else if (stored && stored.id !== this.session.id) {
      // Another tab began a session: this one goes with it.
      this.begin(stored);
    } else {
      // What other tabs have found out about it counts here, too.
      const worth = stored?.worth && !this.session.worth;
      Object.assign(this.session, { ...stored, lastAt: now, worth: this.session.worth });
      if (worth) this.worth();
      else this.save();
    }
    this.levels.say('idle', 4);
  }

  private begin(session: Session | undefined): void {
    const now = Date.now();
    this.throttle.flush();
    if (this.isHeld()) {
      // Whatever is still being packed is dropped with it.
      this.stream.leave(false);
      this.delivery.drop();
    }
    this.session = session ?? { id: sessionId(this.clock.serverNow()), startedAt: now, lastAt: now };
    this.session.lastAt = now;
    this.save();
    const { config } = this;
    if (shareOf(this.session.id) >= config.sample) {
      this.off = 'not in the sample';
      this.quiet();
      return;
    }
    const waits = !this.session.worth;
    this.stream.begin(this.session.id, waits && config.onlyErrors);
    this.delivery.outbox.hold(this.isHeld() && !config.onlyErrors ? this.session.id : undefined);
    clearTimeout(this.worthTimer);
    if (waits && !config.onlyErrors) {
      this.worthTimer = setTimeout(
        () => {
          this.worth();
        },
        Math.max(0, this.session.startedAt + config.minimumMs - now),
      );
    }
    this.say('start', startFact(this.options, config, this.scrubber));
    if (this.session.userId) this.say('identify', { user_id: this.session.userId });
    this.lookAtPage(location.href);
    if (this.picture.isOn) this.picture.keyframe();
    else this.apply();
  }

  /** The visit is to be kept, whatever the project waits for. */
  private worth(): void {
    if (!this.session || this.session.worth) return;
    this.session.worth = true;
    this.save();
    this.stream.want();
    this.delivery.outbox.hold();
  }

  /** Whether the project waits for more of this visit before it wants any. */
  private isHeld(): boolean {
    const { onlyErrors, minimumMs } = this.config;
    return Boolean(this.session && !this.session.worth && (onlyErrors || minimumMs));
  }

  private apply(): void {
    if (!this.off && this.levels.now >= 1) this.picture.start();
    else this.picture.stop();
  }

  private isRecorded(url: string): boolean {
    return isRecorded(url, this.config.pages, this.config.exceptPages);
  }

  private lookAtPage(url: string): void {
    this.levels.say('page', this.isRecorded(url) ? 4 : 0);
  }

  private drawn(event: RrwebEvent): void {
    if (event.type === 4) {
      this.metaAt = performance.now();
      this.throttle.flush();
    }
    this.throttle.add(event);
  }

  private passed(event: RrwebEvent, chars: number): void {
    const now = Date.now();
    if (event.type === 2) this.keyframes.taken(now, chars, performance.now() - this.metaAt);
    else this.keyframes.passed(chars);
    const pauseMs = this.budget.spend(chars, now);
    if (pauseMs) this.pause(pauseMs);
  }

  /** No picture for a while: it begins again with a keyframe. */
  private pause(pauseMs: number): void {
    const now = Date.now();
    this.delivery.count('overload', 1);
    this.levels.say('overload', 0);
    this.say('gap', { reason: 'overload', from_ms: now, to_ms: now + pauseMs, events: 0 });
    setTimeout(() => {
      this.levels.say('overload', 4);
    }, pauseMs);
  }

  private watch(): void {
    const watch: Watch = {
      say: (name, payload) => {
        this.say(name, payload);
      },
      scrubber: () => this.scrubber,
      // The page may lie beside us, under the same address.
      isOurs: (url) =>
        url.startsWith(`${this.door.base}v1/recordings/`) || url.startsWith(`${this.door.base}v1/config`),
    };
    const vitals = watchVitals(watch);
    this.tellVitals = vitals.tell;
    const origins = new Set([location.origin, ...this.config.traceOrigins]);
    const looking = setInterval(() => {
      this.look();
    }, LOOK_MS);
    this.stops.push(
      watchClicks(watch),
      watchErrors(watch),
      watchConsole(watch),
      watchNetwork(watch, { allows: (origin) => origins.has(origin), baggage: () => this.baggage() }),
      watchMoves(
        (url) => {
          if (!this.isRecorded(url)) this.lookAtPage(url);
        },
        (url) => {
          this.lookAtPage(url);
          this.page({});
        },
      ),
      vitals.stop,
      listen(window, ['pointerdown', 'pointermove', 'keydown', 'scroll', 'touchstart', 'input'], () => {
        this.active();
      }),
      listen(document, ['visibilitychange'], () => {
        if (document.visibilityState === 'hidden') this.leave(false);
      }),
      listen(window, ['pagehide'], (event) => {
        this.leave(!(event as PageTransitionEvent).persisted);
      }),
      listen(window, ['pageshow'], (event) => {
        if ((event as PageTransitionEvent).persisted) this.back();
      }),
      listen(window, ['online'], () => {
        this.delivery.outbox.hurry();
      }),
      () => {
        clearInterval(looking);
      },
    );
  }

  /** Out of the back/forward cache: the document goes on, its picture from a new keyframe. */
  private back(): void {
    const before = this.session?.id;
    this.active(true);
    if (this.session?.id === before) this.picture.keyframe();
    this.delivery.outbox.hurry();
  }

  private look(): void {
    const now = Date.now();
    const stored = readSession(shared.read('hindsight.session'));
    // Nobody is there: what the page does to itself is no part of the visit.
    if (stored && now - stored.lastAt > this.config.sessionIdleMs) this.levels.say('idle', 0);
    if (!this.keyframes.due(now)) return;
    const idle = (globalThis as Partial<typeof globalThis>).requestIdleCallback;
    const take = (): void => {
      if (!this.off) this.picture.keyframe();
    };
    if (idle) idle(take, { timeout: 5_000 });
    else take();
  }

  private leave(final: boolean): void {
    if (this.off) return;
    this.tellVitals();
    this.throttle.flush();
    this.stream.leave(final);
    this.delivery.outbox.leave();
  }

  private quiet(): void {
    clearTimeout(this.worthTimer);
    this.picture.stop();
    for (const stop of this.stops.splice(0)) stop();
  }

  private baggage(): string | undefined {
    return this.off || !this.session
      ? undefined
      : `hindsight.session=${this.session.id},hindsight.tab=${this.tab}`;
  }

  private limits(): { idleMs: number; longestMs: number } {
    return { idleMs: this.config.sessionIdleMs, longestMs: this.config.sessionLongestMs };
  }

  private save(): void {
    shared.write('hindsight.session', this.session);
  }
}

const ways = ({ base, key }: Door): Ways<Uint8Array<ArrayBuffer>> => ({
  bytes: OUTBOX_BYTES,
  lastBytes: KEEPALIVE_BYTES,
  post: (address, { body }, leaving) => post(address, body, leaving),
  store: (dropped) => new IndexedDbStore(`${base} ${key}`, Date.now, dropped),
});

/** In one tab at a time: several would send the same (which does no harm, but costs the visitor). */
async function alone(run: () => Promise<void>): Promise<void> {
  try {
    const locks = (navigator as Partial<Navigator>).locks;
    if (locks) await locks.request('hindsight-sweep', { ifAvailable: true }, (lock) => lock && run());
    else await run();
  } catch {
    // Refused where storage is, too: there is nothing to send either.
  }
}
