/**
 * From events to packets: level, mask, text, batch, sequence number, gzip.
 *
 * Invariant: within (session, tab) sequence numbers go 0, 1, 2, ... without a hole; what is left out is said by a
 * `hindsight.gap`. An event that can't become text is left out alone.
 */
import type { Packet } from '../transport/outbox';
import { Batcher, type BatchLimits, type Line } from '../transport/batcher';
import type { Packed, Packer } from '../transport/pack';
import { stringify } from '../transport/natives';
import type { Scrubber } from '../privacy/scrub';
import { levelOf, type Level } from './levels';
import type { RrwebEvent } from './picture';
import { Ring } from './ring';

/** Framing, keys and canonical bytes that the edge adds to a record. */
const RECORD_EXTRA_BYTES = 64 << 10;
const RING_CHARS = 16_000_000;

export interface StreamOptions {
  tab: string;
  packer: Packer;
  limits: BatchLimits;
  recordBytes: number;
  inflatedBytes: number;
  scrubber: Scrubber;
  level: () => Level;
  now: () => number;
  packed: (packet: Packet) => void;
  /** A keyframe that no record can hold: there is no picture to be had. */
  tooLarge: () => void;
  /** Told of each event that was recorded. */
  passed: (event: RrwebEvent, chars: number, level: Level) => void;
}

/** A batch with its name, not yet packed: what is in it may still change. */
interface Draft {
  session: string;
  seq: number;
  lines: Line[];
  final?: boolean;
}

export const fact = (name: string, payload: Record<string, unknown>, timestamp: number): RrwebEvent => ({
  type: 5,
  data: { tag: `hindsight.${name}`, payload },
  timestamp,
});

export class Stream {
  private session = '';
  private seq = 0;
  private ring: Ring | undefined;
  private readonly batcher: Batcher;
  private readonly drafts = new Set<Draft>();
  private chain: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private final = false;

  constructor(private readonly options: StreamOptions) {
    this.batcher = new Batcher(options.limits, (lines) => {
      this.draft(lines);
    });
  }

  /** The next batch's number: for the overlay. */
  get next(): number {
    return this.seq;
  }

  /** Another session: what is open still belongs to the one before. */
  begin(session: string, ringed: boolean): void {
    this.batcher.flush();
    this.session = session;
    this.seq = 0;
    this.ring = ringed ? new Ring(RING_CHARS) : undefined;
  }

  /** What was held back is wanted: the ring's events, and all from now on. */
  want(): void {
    const lines = this.ring?.take() ?? [];
    this.ring = undefined;
    for (const line of lines) this.put(line);
  }

  add(event: RrwebEvent): void {
    const level = levelOf(event);
    if (!this.session || level > this.options.level()) return;
    const line = this.line(event, level);
    if (!line) return;
    if (this.ring) this.ring.add(line);
    else this.put(line);
    this.options.passed(event, line.text.length, level);
  }

  /** Cuts and packs at once: the page may be ending. */
  leave(final: boolean): void {
    this.final = final;
    this.batcher.flush();
    this.final = false;
    for (const draft of [...this.drafts]) this.finish(draft, this.options.packer.packNow(textOf(draft)));
  }

  /** Drops what is open: nothing more of it may be sent. */
  forget(): void {
    this.session = '';
    this.ring = undefined;
    this.batcher.flush();
    this.drafts.clear();
  }

  private line(event: RrwebEvent, level: Level): Line | undefined {
    try {
      this.options.scrubber.event(event);
      const text = stringify(event);
      // A page's `toJSON` may answer anything.
      if (typeof text !== 'string' || !text.startsWith('{')) return undefined;
      const keyframe = event.type === 4 || event.type === 2;
      return { text, at: event.timestamp, level, keyframe, urgent: event.type === 5 && level < 2 };
    } catch {
      return undefined;
    }
  }

  private put(line: Line): void {
    this.batcher.add(line, this.options.now());
    // A keyframe is whole with its FullSnapshot.
    if (line.keyframe && line.text.startsWith('{"type":2')) this.batcher.flush();
    this.arm();
  }

  private arm(): void {
    clearTimeout(this.timer);
    const wait = this.batcher.dueAt - this.options.now();
    if (wait === Infinity) return;
    this.timer = setTimeout(
      () => {
        this.batcher.flush();
      },
      Math.max(0, wait),
    );
  }

  private draft(lines: Line[]): void {
    if (!this.session) return;
    const draft: Draft = { session: this.session, seq: this.seq++, lines };
    if (this.final) draft.final = true;
    this.drafts.add(draft);
    this.chain = this.chain.then(async () => {
      if (!this.drafts.has(draft)) return;
      const packed = await this.options.packer.pack(textOf(draft));
      // The page may have been left meanwhile, and the draft packed by that.
      if (this.drafts.has(draft)) this.finish(draft, packed);
    });
  }

  private finish(draft: Draft, { body, encoding }: Packed): void {
    this.drafts.delete(draft);
    const { lines, session, seq, final } = draft;
    const chars = lines.reduce((sum, { text }) => sum + text.length, 0);
    const { recordBytes, inflatedBytes, tab } = this.options;
    // Three bytes for a character at most.
    const fits = body.length + RECORD_EXTRA_BYTES <= recordBytes && 3 * chars <= inflatedBytes;
    if (!fits) {
      this.replace(draft);
      return;
    }
    this.options.packed({
      session,
      tab,
      seq,
      body,
      encoding,
      events: lines.length,
      fromMs: lines[0]?.at ?? 0,
      toMs: lines[lines.length - 1]?.at ?? 0,
      keep: lines.some(({ level }) => level < 2),
      ...(final && { final }),
    });
  }

  /** A batch over the limit was never sent: its number goes to a gap that says so, beside its business facts. */
  private replace(draft: Draft): void {
    const others = draft.lines.filter(({ level }) => level > 0);
    const facts = others.length ? draft.lines.filter(({ level }) => level === 0) : [];
    const lost = others.length ? others : draft.lines;
    const keyframe = lost.some((line) => line.keyframe);
    const [from, to] = [lost[0]?.at ?? 0, lost[lost.length - 1]?.at ?? 0];
    const reason = keyframe ? 'keyframe_too_large' : 'batch_too_large';
    const gap = fact('gap', { reason, from_ms: from, to_ms: to, events: lost.length }, to);
    const lines = [...facts, { text: stringify(gap), at: to, level: 0 as Level }];
    if (keyframe) this.options.tooLarge();
    const smaller: Draft = { ...draft, lines };
    this.finish(smaller, this.options.packer.packNow(textOf(smaller)));
  }
}

/** JSON lines. */
const textOf = (draft: Draft): string => draft.lines.map(({ text }) => text).join('\n');
