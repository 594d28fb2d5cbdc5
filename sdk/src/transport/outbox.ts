/**
 * Sends packets in order, one at a time, until the server has them: the recorder's core.
 *
 * Invariants: a packet keeps its identity and bytes, however often it is sent; it leaves the outbox only when the
 * server kept it, refused it for good, or a bound was met, and the last two are told (`lost`). Failure of the server
 * or of storage never throws. Bound: `bytes` in memory; the store has its own.
 */
import { judge, type Answer, type Verdict } from './answer';
import type { PacketStore } from './store';

/** A body on its way: bytes in a browser, text where a host can't pack. */
export interface Body {
  readonly length: number;
}

/** One batch, packed. */
export interface Packet<B extends Body = Uint8Array<ArrayBuffer>> {
  session: string;
  tab: string;
  seq: number;
  body: B;
  encoding: string;
  events: number;
  fromMs: number;
  toMs: number;
  /** Holds business facts or page structure: survives the page. Pointer and scroll alone don't. */
  keep: boolean;
  final?: boolean;
  /** Recorded while it wasn't known whether the visit is worth keeping. */
  held?: boolean;
}

export const nameOf = (packet: Packet<Body>): string =>
  `${packet.session}/${packet.tab}/${String(packet.seq)}`;

export interface OutboxOptions<B extends Body = Uint8Array<ArrayBuffer>> {
  /** Most bytes that wait in memory; above it, the oldest that no one will miss go first. */
  bytes: number;
  /** Most bytes that a page that is being left may hand to the browser (it allows 64 KiB in all). */
  lastBytes: number;
  post: (packet: Packet<B>, leaving: boolean) => Promise<Answer>;
  store: PacketStore<B>;
  now: () => number;
  chance: () => number;
  /** Runs a task later; answers how to call it off. */
  later: (task: () => void, ms: number) => () => void;
  kept: (packet: Packet<B>, verdict: Verdict & { kind: 'kept' }, sentAt: number) => void;
  lost: (packet: Packet<B>, reason: string) => void;
  session: (verdict: Verdict & { kind: 'session' }, packet: Packet<B>) => void;
  stop: (reason: string) => void;
  /** Failures in a row: 0 when the server answers again. */
  failing: (attempts: number) => void;
}

export class Outbox<B extends Body = Uint8Array<ArrayBuffer>> {
  private queue: Packet<B>[] = [];
  private sending: Packet<B> | undefined;
  private attempts = 0;
  private unwait: (() => void) | undefined;
  private closed = false;
  /** The session whose packets wait. */
  private onHold: string | undefined;
  /** Given to the browser on leaving; asked again only by the ordinary way. */
  private readonly handed = new WeakSet<Packet<B>>();

  constructor(private readonly options: OutboxOptions<B>) {}

  /** Packets that the server hasn't answered for. */
  get pending(): number {
    return this.queue.length;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.queue.reduce((sum, packet) => sum + packet.body.length, 0);
  }

  push(packet: Packet<B>): void {
    if (this.closed) return;
    if (packet.session === this.onHold) packet.held = true;
    this.queue.push(packet);
    if (packet.keep) this.options.store.put(packet);
    this.shed();
    this.pump();
  }

  /** Adopts what an earlier page left; the store has it already. */
  adopt(packets: Packet<B>[]): void {
    const known = new Set(this.queue.map(nameOf));
    this.queue.push(...packets.filter((packet) => !known.has(nameOf(packet))));
    this.shed();
    this.release();
  }

  /** Packets of this session aren't sent, but kept: its visit may turn out too short. All others are released. */
  hold(session?: string): void {
    this.onHold = session;
    this.release();
  }

  /** Hands over what is held, and has it no more, nor has the store. */
  drop(): Packet<B>[] {
    const held = this.queue.filter((packet) => packet.held);
    for (const packet of held) this.remove(packet);
    return held;
  }

  /** The page may be ending: hands the browser what it takes, oldest first; the store has the rest. */
  leave(): void {
    if (this.closed) return;
    let room = this.options.lastBytes;
    for (const packet of this.queue.filter(isFree)) {
      if (packet.body.length > room) break;
      room -= packet.body.length;
      if (packet === this.sending || this.handed.has(packet)) continue;
      this.handed.add(packet);
      void this.send(packet, true);
    }
  }

  /** Forgets everything that waits, here and in the store: consent was taken back, or the key is wrong. */
  close(): void {
    this.closed = true;
    this.unwait?.();
    for (const packet of this.queue) this.options.store.remove(packet);
    this.queue = [];
  }

  /** Tries at once: the browser says that it is online again. */
  hurry(): void {
    this.unwait?.();
    this.unwait = undefined;
    this.pump();
  }

  private release(): void {
    for (const packet of this.queue) {
      if (!packet.held || packet.session === this.onHold) continue;
      packet.held = false;
      // Also for the next page, should this one end before the server has it.
      if (packet.keep) this.options.store.put(packet);
    }
    this.pump();
  }

  private pump(): void {
    const next = this.queue.find(isFree);
    if (this.closed || this.sending || this.unwait || !next) return;
    this.sending = next;
    void this.send(next, false).then(() => {
      this.sending = undefined;
      this.pump();
    });
  }

  private async send(packet: Packet<B>, leaving: boolean): Promise<void> {
    const sentAt = this.options.now();
    const answer = await this.options.post(packet, leaving).catch((): Answer => NO_ANSWER);
    if (this.closed || !this.queue.includes(packet)) return;
    const verdict = judge(answer, this.attempts, this.options.chance(), this.options.now());
    if (verdict.kind === 'again') {
      if (!leaving) this.wait(verdict.afterMs);
      return;
    }
    this.settle(packet, verdict, sentAt);
  }

  private settle(packet: Packet<B>, verdict: Exclude<Verdict, { kind: 'again' }>, sentAt: number): void {
    this.heard();
    switch (verdict.kind) {
      case 'kept':
        this.remove(packet);
        this.options.kept(packet, verdict, sentAt);
        break;
      case 'refused':
        this.remove(packet);
        this.options.lost(packet, verdict.reason);
        break;
      case 'session':
        for (const each of this.queue.filter(({ session }) => session === packet.session)) this.remove(each);
        this.options.session(verdict, packet);
        break;
      case 'stop':
        this.close();
        this.options.stop(verdict.reason);
    }
  }

  private heard(): void {
    if (this.attempts) this.options.failing(0);
    this.attempts = 0;
  }

  private wait(afterMs: number): void {
    this.attempts++;
    this.options.failing(this.attempts);
    this.unwait?.();
    this.unwait = this.options.later(() => {
      this.unwait = undefined;
      this.pump();
    }, afterMs);
  }

  private remove(packet: Packet<B>): void {
    this.queue = this.queue.filter((each) => each !== packet);
    this.options.store.remove(packet);
  }

  private shed(): void {
    while (this.bytes > this.options.bytes) {
      const waiting = this.queue.filter((packet) => packet !== this.sending);
      const victim = waiting.find(({ keep }) => !keep) ?? waiting[0];
      if (!victim || waiting.length === 1) return;
      this.remove(victim);
      this.options.lost(victim, 'queue_full');
    }
  }
}

const isFree = ({ held }: Packet<Body>): boolean => !held;

const NO_ANSWER: Answer = { status: 0, retryAfter: null, body: null };
