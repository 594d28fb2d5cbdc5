import type { Entry } from './strict-journal.ts';

/** One event on its way; `entry`: its place in the journal of strict operations. */
export interface Item {
  line: Buffer;
  /** When it was recorded, by the courier's clock. */
  at: number;
  entry?: Entry;
}

/** When a batch is due, and how much goes into it (`clients/vectors/batches.json`). */
export interface BatchRule {
  events: number;
  bytes: number;
  waitMs: number;
}

/** What waits in memory: bounded in bytes; what doesn't fit is refused, never waited for. */
export class MemoryQueue {
  bytes = 0;
  private items: Item[] = [];
  /** Index of the oldest: taking from the front of an array costs its length. */
  private first = 0;

  constructor(
    private readonly rule: BatchRule,
    private readonly mostBytes: number,
  ) {}

  get size(): number {
    return this.items.length - this.first;
  }

  hasRoom(bytes: number): boolean {
    return this.bytes + bytes <= this.mostBytes;
  }

  /** False where there is no room. */
  offer(item: Item): boolean {
    // What has a place in the journal was promised one here, too.
    if (item.entry === undefined && !this.hasRoom(item.line.length)) return false;
    this.items.push(item);
    this.bytes += item.line.length;
    return true;
  }

  /** Puts back what could be neither sent nor kept on disk: in front, above the bound if need be. */
  putBack(returned: readonly Item[]): void {
    this.items.splice(0, this.first, ...returned);
    this.first = 0;
    this.bytes += size(returned);
  }

  /** When a batch will be due if nothing more comes. */
  dueAt(): number {
    const oldest = this.items[this.first];
    if (oldest === undefined) return Infinity;
    const isFull = this.size >= this.rule.events || this.bytes >= this.rule.bytes;
    return isFull ? oldest.at : oldest.at + this.rule.waitMs;
  }

  /** Takes the oldest events, at most so many and so many bytes, at least one. */
  take(mostEvents: number, mostBytes: number): Item[] {
    const end = Math.min(this.items.length, this.first + mostEvents);
    let last = this.first;
    let bytes = 0;
    for (; last < end; last++) {
      const next = this.items[last]?.line.length ?? 0;
      if (last > this.first && bytes + next > mostBytes) break;
      bytes += next;
    }
    const taken = this.items.slice(this.first, last);
    this.first = last;
    this.bytes -= bytes;
    if (this.first > this.items.length / 2) {
      this.items = this.items.slice(this.first);
      this.first = 0;
    }
    return taken;
  }
}

/** Bytes of events. */
export function size(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + item.line.length, 0);
}
