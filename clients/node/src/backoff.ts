import type { Answer } from './answer.ts';

/**
 * How long to wait after failures in a row (`clients/vectors/backoff.json`): doubling, with a random half, so that a
 * fleet doesn't come back in one moment.
 */
export const FIRST_MS = 500;
export const MOST_MS = 30_000;
export const HOLD_MS = 60_000;
const MOST_DOUBLINGS = 20;

export class Backoff {
  private failures = 0;

  constructor(private readonly random: () => number) {}

  succeeded(): void {
    this.failures = 0;
  }

  /** The wait after one more failure. */
  failedMs(answer: Answer): number {
    this.failures += 1;
    const doubled = FIRST_MS * 2 ** Math.min(this.failures - 1, MOST_DOUBLINGS);
    const full = answer.action === 'hold' ? HOLD_MS : Math.min(MOST_MS, doubled);
    const backoff = Math.floor(full / 2 + (this.random() * full) / 2);
    return Math.max(backoff, answer.action === 'later' ? answer.afterMs : 0);
  }
}
