/**
 * What is recorded on its way to the server: outbox, store and counts of one document, and what an answer means for the
 * visit. The browser's recorder and the mini-program's differ only in `Ways`.
 *
 * Invariant: every batch is kept by the server, waits, or is counted as lost under its reason.
 */
import type { Levels } from '../capture/levels';
import type { Answer } from './answer';
import type { Clock } from './clock';
import { Outbox, type Body, type Packet } from './outbox';
import type { PacketStore } from './store';

/** This many failures in a row, and only the picture and business facts are recorded until the server answers. */
const FAILURES = 3;
/** A server that takes no session at all must not be asked for ever. */
const MOST_SESSIONS = 3;
/** Nor be told of each refusal, if it refuses that, too. */
const MOST_REFUSALS = 3;

export interface Door {
  /** With a trailing slash. */
  base: string;
  key: string;
}

/** How a host sends and keeps. */
export interface Ways<B extends Body> {
  /** Most bytes that wait in memory. */
  bytes: number;
  /** Most bytes at once when the page is left. */
  lastBytes: number;
  post: (address: string, packet: Packet<B>, leaving: boolean) => Promise<Answer>;
  /** Told of each packet that had to make room for a newer one. */
  store: (dropped: () => void) => PacketStore<B>;
}

/** The visit, as far as answers concern it. */
export interface DeliveryWatch {
  /** The running session, `undefined` where nothing is recorded any more. */
  session: () => string | undefined;
  /** The session will never be taken: another begins. */
  anew: () => void;
  /** Nothing of this page will be taken. */
  stop: (reason: string) => void;
  /** A batch was lost. */
  gap: (payload: Record<string, unknown>) => void;
  /** The server has answered: what is only wanted later can be fetched. */
  prepare: () => void;
}

export interface DeliveryStatus {
  waiting: number;
  waitingBytes: number;
  kept: number;
  lost: Record<string, number>;
  storage: string;
  lastAnswer: string;
}

export class Delivery<B extends Body = Uint8Array<ArrayBuffer>> {
  readonly outbox: Outbox<B>;
  private readonly store: PacketStore<B>;
  private kept = 0;
  private readonly lost: Record<string, number> = {};
  private lastAnswer = '';
  private refusedSessions = 0;
  private refusals = 0;

  constructor(
    private readonly door: Door,
    ways: Ways<B>,
    private readonly clock: Clock,
    private readonly levels: Levels,
    private readonly watch: DeliveryWatch,
  ) {
    this.store = ways.store(() => {
      this.count('storage_full', 1);
    });
    this.outbox = this.makeOutbox(ways);
  }

  status(): DeliveryStatus {
    return {
      waiting: this.outbox.pending,
      waitingBytes: this.outbox.bytes,
      kept: this.kept,
      lost: this.lost,
      storage: this.store.state,
      lastAnswer: this.lastAnswer,
    };
  }

  count(reason: string, events: number): void {
    this.lost[reason] = (this.lost[reason] ?? 0) + events;
  }

  /** What hasn't left doesn't leave. */
  forget(): void {
    this.outbox.close();
    this.store.clear();
  }

  /** The visit ended before it was worth keeping: nothing of it leaves. */
  drop(): void {
    this.tooShort(this.outbox.drop());
  }

  /**
   * Sends what earlier pages left. What is held for a visit that is over goes, unless that was `worth` keeping: another tab
   * may have found out after this packet's was closed.
   */
  async sweep(ownTab: string, worth: string | undefined): Promise<void> {
    const left = (await this.store.leftovers()).filter(({ tab }) => tab !== ownTab);
    const own = this.watch.session();
    const wanted = left.filter(({ held, session }) => !held || session === own || session === worth);
    const short = left.filter((packet) => !wanted.includes(packet));
    for (const packet of short) this.store.remove(packet);
    this.tooShort(short);
    this.outbox.adopt(wanted);
  }

  private tooShort(packets: Packet<B>[]): void {
    for (const { events } of packets) this.count('too_short', events);
  }

  private makeOutbox({ bytes, lastBytes, post }: Ways<B>): Outbox<B> {
    const { levels, clock, store, watch } = this;
    return new Outbox<B>({
      bytes,
      lastBytes,
      post: (packet, leaving) => post(this.address(packet), packet, leaving),
      store,
      now: Date.now,
      chance: Math.random,
      later: (task, ms) => {
        const timer = setTimeout(task, ms);
        return () => {
          clearTimeout(timer);
        };
      },
      kept: (packet, verdict, sentAt) => {
        this.kept += packet.events;
        this.refusals = 0;
        watch.prepare();
        this.lastAnswer = 'kept';
        if (verdict.nowMs !== undefined) clock.heard(verdict.nowMs, sentAt);
        if (verdict.level !== undefined) levels.say('server', verdict.level);
      },
      lost: (packet, reason) => {
        this.gap(packet, reason);
      },
      session: ({ reason, nowMs }, packet) => {
        this.lastAnswer = reason;
        this.count(reason, packet.events);
        if (nowMs !== undefined) clock.heard(nowMs, Date.now());
        if (packet.session !== watch.session()) return;
        if (this.refusedSessions++ < MOST_SESSIONS) watch.anew();
        else watch.stop(reason);
      },
      stop: (reason) => {
        this.lastAnswer = reason;
        watch.stop(reason);
      },
      failing: (attempts) => {
        if (attempts) this.lastAnswer = `no answer, ${String(attempts)} times`;
        levels.say('server away', attempts >= FAILURES ? 1 : 4);
      },
    });
  }

  private address({ session, tab, seq, encoding, final }: Packet<B>): string {
    const { base, key } = this.door;
    const query = `key=${encodeURIComponent(key)}&encoding=${encoding}&sent_at=${String(Date.now())}${final ? '&final=1' : ''}`;
    return `${base}v1/recordings/${session}/${tab}/${String(seq)}?${query}`;
  }

  private gap({ fromMs, toMs, events, session }: Packet<B>, reason: string): void {
    this.lastAnswer = reason;
    this.count(reason, events);
    const isTold = reason === 'queue_full' || this.refusals++ < MOST_REFUSALS;
    if (isTold && session === this.watch.session()) {
      this.watch.gap({ reason, from_ms: fromMs, to_ms: toMs, events });
    }
  }
}
