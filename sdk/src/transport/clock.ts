/**
 * How far the server's clock is ahead of ours, from the `now_ms` of its answers.
 *
 * The answer with the shortest way counts: its error is at most half that way.
 */
export class Clock {
  private wayMs = Infinity;

  constructor(
    private readonly now: () => number,
    /** What an earlier page found, until this one hears the server. */
    public offsetMs = 0,
  ) {}

  /** Takes an answer's `now_ms`; `sentAt` is our clock when the request left. */
  heard(serverMs: number, sentAt: number): void {
    const wayMs = this.now() - sentAt;
    if (!Number.isFinite(serverMs) || wayMs < 0 || wayMs > this.wayMs) return;
    this.wayMs = wayMs;
    this.offsetMs = Math.round(serverMs - (sentAt + wayMs / 2));
  }

  /** The server's time as far as it is known. */
  serverNow(): number {
    return this.now() + this.offsetMs;
  }
}
