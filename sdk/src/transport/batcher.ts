/**
 * Collects events into batches: by time, by size, and a keyframe in a batch of its own.
 *
 * Invariant: events leave in the order they came, each exactly once. Bound: `chars` plus one event.
 */
import type { Level } from '../capture/levels';

/** One event on its way: its JSON text and what decides about it. */
export interface Line {
  text: string;
  at: number;
  level: Level;
  /** Part of a keyframe (rrweb's Meta and FullSnapshot): leaves in a batch of its own, at once. */
  keyframe?: boolean;
  /** Somebody waits for it (a click, an error, a business fact): leaves after `urgentMs`. */
  urgent?: boolean;
}

export interface BatchLimits {
  /** A batch is cut before it grows over this many characters of JSON. */
  chars: number;
  /** A batch leaves at the latest this long after its first event. */
  everyMs: number;
  /** And this long after an urgent one. */
  urgentMs: number;
}

export class Batcher {
  private lines: Line[] = [];
  private chars = 0;
  private due = Infinity;

  constructor(
    private readonly limits: BatchLimits,
    private readonly cut: (lines: Line[]) => void,
  ) {}

  /** When the open batch leaves, on the clock of `Line.at`; Infinity while there is none. */
  get dueAt(): number {
    return this.due;
  }

  add(line: Line, now: number): void {
    const last = this.lines[this.lines.length - 1];
    const bordered = last !== undefined && Boolean(last.keyframe) !== Boolean(line.keyframe);
    // The document's first facts (hindsight.start) travel with its first keyframe: one request less per page.
    const opens = !last?.keyframe && this.lines.every(({ level }) => level === 0);
    const full = this.chars > 0 && this.chars + line.text.length > this.limits.chars;
    if ((bordered && !opens) || (full && !line.keyframe)) this.flush();
    this.lines.push(line);
    this.chars += line.text.length + 1;
    this.due = Math.min(this.due, now + (line.urgent ? this.limits.urgentMs : this.limits.everyMs));
  }

  /** Cuts the open batch, if there is one. */
  flush(): void {
    if (!this.lines.length) return;
    const lines = this.lines;
    this.lines = [];
    this.chars = 0;
    this.due = Infinity;
    this.cut(lines);
  }
}
