/**
 * When a new keyframe is worth its price. A player reads from the last keyframe before a moment, so one is due by
 * what has gathered since; it costs the page a pass over its whole DOM, so a large quiet page gets none.
 */
export class Keyframes {
  private at = 0;
  private chars = 0;
  private since = 0;
  private costMs = 0;

  constructor(private readonly everyMs: number) {}

  /** A keyframe was taken: its size, and for how long it held up the page. */
  taken(now: number, chars: number, costMs: number): void {
    this.at = now;
    this.chars = chars;
    this.since = 0;
    this.costMs = costMs;
  }

  /** An event after it. */
  passed(chars: number): void {
    this.since += chars;
  }

  due(now: number): boolean {
    const age = now - this.at;
    if (!this.at || !this.since || age < this.everyMs) return false;
    // A pass that would be felt (a long task is 50 ms) must save more than it costs.
    const worth = this.costMs > LONG_TASK_MS ? 2 * this.chars : this.chars / 2;
    return this.since >= worth || (this.costMs <= LONG_TASK_MS && age >= AT_LATEST * this.everyMs);
  }
}

const LONG_TASK_MS = 50;
const AT_LATEST = 5;
