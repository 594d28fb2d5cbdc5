/**
 * What a page may make us record: a bucket of characters that refills. A mutation storm empties it; recording of the
 * picture then pauses, each time for longer, and begins again with a keyframe.
 */
const MOST_CHARS = 24_000_000;
const CHARS_PER_MS = 1_000;
const PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;

export class Budget {
  private left = MOST_CHARS;
  private at: number;
  private pauses = 0;

  constructor(now: number) {
    this.at = now;
  }

  /** Takes from the bucket; answers how long to pause, 0 for not at all. */
  spend(chars: number, now: number): number {
    this.left = Math.min(MOST_CHARS, this.left + Math.max(0, now - this.at) * CHARS_PER_MS) - chars;
    this.at = now;
    return this.left < 0 ? this.overdraw() : 0;
  }

  /** Spends more than there can be. */
  overdraw(): number {
    this.left = MOST_CHARS;
    return Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** this.pauses++);
  }
}
