/**
 * Holds back what is recorded until it is known to be wanted: the last 60 s before an error, from a keyframe on.
 *
 * Bound: `chars`; above it the older keyframe's events go, and at the worst all.
 */
import type { Line } from '../transport/batcher';

export const RING_MS = 60_000;

export class Ring {
  private runs: Line[][] = [];
  private chars = 0;

  constructor(private readonly most: number) {}

  add(line: Line): void {
    const run = this.runs[this.runs.length - 1];
    const opens = Boolean(line.keyframe) && !run?.[run.length - 1]?.keyframe;
    if (!run || opens) this.runs.push([line]);
    else run.push(line);
    this.chars += line.text.length;
    // The second run begins with a keyframe; once that is old enough the first isn't needed.
    while (this.runs.length > 1 && line.at - (this.runs[1]?.[0]?.at ?? 0) >= RING_MS) this.drop();
    while (this.chars > this.most && this.runs.length) this.drop();
  }

  /** Hands everything over, and is empty. */
  take(): Line[] {
    const lines = this.runs.flat();
    this.runs = [];
    this.chars = 0;
    return lines;
  }

  /** Business facts outlive the picture they belong to: there are few. */
  private drop(): void {
    const run = this.runs.shift() ?? [];
    const facts = run.filter(({ level }) => level === 0).slice(-MOST_FACTS);
    this.chars -= run.reduce((sum, { text }) => sum + text.length, 0);
    const next = this.runs[0];
    if (next && facts.length) {
      next.unshift(...facts);
      this.chars += facts.reduce((sum, { text }) => sum + text.length, 0);
    }
  }
}

const MOST_FACTS = 200;
