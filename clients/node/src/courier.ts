import { type Answer, decide, type Refused } from './answer.ts';
import { Backoff } from './backoff.ts';
import type { Transport } from './http-transport.ts';
import { type BatchRule, type Item, MemoryQueue } from './memory-queue.ts';
import { type Log, MOST_BATCH_EVENTS } from './options.ts';
import type { SpilledBatch, SpillStore } from './spill-store.ts';

/**
 * Takes events from memory to the edge, and by way of the disk while the edge is away. One loop decides and writes
 * files; answers come to it as messages, so a slow edge never stops the emptying of memory.
 *
 * Healthy: due batches go out, at most `inFlight` at once; what lies on disk goes along. When memory is half full because
 * all are on their way, batches go to disk. A failed batch goes to disk and the edge counts as away: everything goes to
 * disk, one batch is tried after the backoff, and its success ends the absence. Where the disk takes nothing, batches
 * stay in memory, whose bound then loses the newest, counted.
 */

/** How long the disk isn't tried after it took nothing. */
const DISK_PAUSE_MS = 5_000;
const STUCK_PAUSE_MS = 100;
const IDLE_MS = 60_000;

export interface Counters {
  recorded: number;
  kept: number;
  refused: number;
  lost: number;
}

export interface CourierParts {
  rule: BatchRule;
  memoryBytes: number;
  inFlight: number;
  transport: Transport;
  /** Undefined: memory is all there is. */
  spill: SpillStore | undefined;
  nowMs: () => number;
  random: () => number;
  log: Log;
}

/** Events that go out together; `file`: where they lie on disk. */
interface Batch {
  items: readonly Item[];
  file?: SpilledBatch;
}

export class Courier {
  readonly counters: Counters = { recorded: 0, kept: 0, refused: 0, lost: 0 };
  isAway = false;
  private readonly queue: MemoryQueue;
  private readonly backoff: Backoff;
  private readonly onTheirWay = new Set<Batch>();
  /** Halves of batches that were split. */
  private ready: Batch[] = [];
  private messages: (() => Promise<void> | void)[] = [];
  private flushes: ((done: boolean) => void)[] = [];
  private retryAt = 0;
  private diskAt = 0;
  private isClosed = false;
  private isEnded = false;
  private wake: () => void = () => undefined;

  constructor(private readonly parts: CourierParts) {
    this.queue = new MemoryQueue(parts.rule, parts.memoryBytes);
    this.backoff = new Backoff(parts.random);
  }

  /** Events in memory. */
  get waiting(): number {
    return this.queue.size;
  }

  now(): number {
    return this.parts.nowMs();
  }

  /** Takes an event; never waits. One that has a place in the journal isn't lost after the end. */
  offer(item: Item): void {
    this.counters.recorded += 1;
    if (this.isClosed || !this.queue.offer(item)) {
      if (item.entry === undefined) this.counters.lost += 1;
    } else if (this.queue.size === 1 || this.queue.dueAt() <= item.at) {
      this.wake();
    }
  }

  /** Whether memory would take an event of this size now. */
  hasRoom(bytes: number): boolean {
    return !this.isClosed && this.queue.hasRoom(bytes);
  }

  /** Sends everything, due or not; done when all of it is at the edge or, while that is away, on disk (else false). */
  flush(): Promise<boolean> {
    return new Promise((done) => {
      this.tell(() => void this.flushes.push(done));
    });
  }

  /** Runs until `end`. */
  async run(): Promise<void> {
    while (!this.isEnded) {
      try {
        await this.turn();
      } catch (failure) {
        // A fault in one turn must not end the sending of all that comes after.
        this.parts.log.error(`the sending of audit events failed and goes on: ${String(failure)}`);
      }
      if (!this.isEnded) await this.sleep();
    }
  }

  /** One turn of the loop: what tests call with a clock of their own. */
  async turn(): Promise<void> {
    for (const message of this.messages.splice(0)) await message();
    if (this.isEnded) return;
    await this.sendDue();
    await this.sendSpilled();
    this.endFlushes();
  }

  /** Waits for a message or the next moment at which something is due. */
  private sleep(): Promise<void> {
    if (this.messages.length > 0) return Promise.resolve();
    return new Promise((done) => {
      const timer = setTimeout(done, Math.max(1, this.wakeAt() - this.now()));
      // What waits in memory keeps the process alive until it is sent; what lies on disk can wait for the next.
      if (this.queue.size === 0) timer.unref();
      this.wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  private wakeAt(): number {
    const now = this.now();
    const dueAt = this.queue.dueAt();
    // What is due and couldn't go (no place on the way, a full disk) is looked at again after a pause.
    const next = dueAt <= now ? now + STUCK_PAUSE_MS : Math.min(dueAt, now + IDLE_MS);
    return this.isAway && this.onTheirWay.size === 0 ? Math.min(next, this.retryAt) : next;
  }

  private tell(message: () => Promise<void> | void): void {
    this.messages.push(message);
    this.wake();
  }

  private async sendDue(): Promise<void> {
    const { rule, memoryBytes, inFlight, spill } = this.parts;
    const now = this.now();
    for (let batch; this.maySend(now) && (batch = this.ready.shift());) this.send(batch);
    const diskIsEmpty = (): boolean => spill?.isEmpty ?? true;
    while ((this.flushes.length > 0 && this.queue.size > 0) || this.queue.dueAt() <= now) {
      const keepsAPlaceForDisk = !diskIsEmpty() && this.onTheirWay.size >= Math.max(1, inFlight - 1);
      if (this.maySend(now) && !keepsAPlaceForDisk && (!this.isAway || diskIsEmpty())) {
        this.send({ items: this.queue.take(rule.events, rule.bytes) });
      } else if (!this.isAway && this.queue.bytes < memoryBytes / 2) {
        return;
      } else if (!(await this.spillFromMemory(now))) {
        return;
      }
    }
  }

  /** While the edge is away one batch is tried at a time, after the backoff. */
  private maySend(now: number): boolean {
    const { size } = this.onTheirWay;
    return this.isAway ? size === 0 && now >= this.retryAt : size < this.parts.inFlight;
  }

  private async sendSpilled(): Promise<void> {
    const { spill, log } = this.parts;
    const now = this.now();
    for (let file; spill && this.maySend(now) && (file = spill.next());) {
      try {
        const lines = await spill.read(file);
        if (lines.length === 0) await spill.remove(file);
        else this.send({ items: lines.map((line) => ({ line, at: 0 })), file });
      } catch (failure) {
        // Left where it is: read again at the next start.
        log.error(`audit events on disk can't be read and stay there: ${file.path}: ${String(failure)}`);
      }
    }
  }

  private send(batch: Batch): void {
    this.onTheirWay.add(batch);
    const lines = Buffer.concat(batch.items.flatMap(({ line }) => [line, LINE_FEED]));
    void this.parts
      .transport(lines)
      .then((response) => decide(response, batch.items.length))
      .catch((failure: unknown): Answer => ({ action: 'later', afterMs: 0, why: String(failure) }))
      .then((answer) => {
        this.tell(() => this.answered(batch, answer));
      });
  }

  private async answered(batch: Batch, answer: Answer): Promise<void> {
    // A batch that isn't on its way any more was kept on disk when the client was closed.
    if (!this.onTheirWay.delete(batch)) return;
    switch (answer.action) {
      case 'kept':
        this.back();
        return this.kept(batch, answer.refused);
      case 'split':
        this.back();
        return this.split(batch, answer.why);
      default:
        return this.failed(batch, answer);
    }
  }

  private back(): void {
    if (this.isAway) this.parts.log.info('the edge takes audit events again');
    this.isAway = false;
    this.backoff.succeeded();
  }

  private async kept(batch: Batch, refused: readonly Refused[]): Promise<void> {
    this.counters.kept += batch.items.length - refused.length;
    for (const { index, why } of refused) await this.setAside(batch.items[index], why);
    await this.forget(batch);
  }

  private async setAside(item: Item | undefined, why: string): Promise<void> {
    const { spill, log } = this.parts;
    if (item === undefined) return;
    this.counters.refused += 1;
    log.error(`the edge refuses an audit event: ${why}`);
    try {
      if (spill && !(await spill.setAside(item.line, why)))
        log.error('refused.jsonl is full: the event is gone');
    } catch (failure) {
      log.error(`a refused audit event can't be written to disk: ${String(failure)}`);
    }
  }

  private async forget(batch: Batch): Promise<void> {
    for (const { entry } of batch.items) entry?.done();
    await this.removeFile(batch);
  }

  private async removeFile({ file }: Batch): Promise<void> {
    if (file === undefined) return;
    try {
      await this.parts.spill?.remove(file);
    } catch (failure) {
      this.parts.log.warn(
        `a sent batch can't be removed and will be sent again, which does no harm: ${String(failure)}`,
      );
    }
  }

  /** Halves a batch until what the edge won't have stands alone. */
  private async split(batch: Batch, why: string): Promise<void> {
    const { items, file } = batch;
    if (items.length === 1) {
      await this.setAside(items[0], why);
      await this.forget(batch);
      return;
    }
    const halves = [items.slice(0, items.length / 2), items.slice(items.length / 2)] as const;
    if (file === undefined) {
      this.ready.push({ items: halves[0] }, { items: halves[1] });
    } else if ((await this.keep(halves[0], true)) && (await this.keep(halves[1], true))) {
      await this.removeFile(batch);
    } else {
      this.ready.push({ items: halves[0] }, { items: halves[1], file });
    }
  }

  private async failed(batch: Batch, answer: Answer & { action: 'later' | 'hold' }): Promise<void> {
    const { log, spill } = this.parts;
    if (answer.action === 'hold') log.error(`the edge takes no audit events: ${answer.why}`);
    else if (!this.isAway) log.warn(`the edge takes no audit events: ${answer.why}`);
    this.isAway = true;
    this.retryAt = this.now() + this.backoff.failedMs(answer);
    if (batch.file !== undefined) spill?.again(batch.file);
    else if (await this.keep(batch.items, false)) for (const { entry } of batch.items) entry?.done();
    else this.queue.putBack(batch.items);
  }

  /** False where the disk takes nothing now. */
  private async spillFromMemory(now: number): Promise<boolean> {
    if (this.parts.spill === undefined || now < this.diskAt) return false;
    const items = this.queue.take(
      Math.min(10 * this.parts.rule.events, MOST_BATCH_EVENTS),
      this.parts.rule.bytes,
    );
    if (!(await this.keep(items, false))) {
      this.queue.putBack(items);
      this.diskAt = now + DISK_PAUSE_MS;
      return false;
    }
    for (const { entry } of items) entry?.done();
    return true;
  }

  private async keep(items: readonly Item[], isQuiet: boolean): Promise<boolean> {
    const { spill, log } = this.parts;
    if (spill === undefined) return false;
    try {
      const fits = await spill.keep(items.map(({ line }) => line));
      if (!fits && !isQuiet) {
        log.error(
          'the spill folder is at its bound: audit events stay in memory, and are lost when that is full',
        );
      }
      return fits;
    } catch (failure) {
      log.error(`audit events can't be kept on disk: ${String(failure)}`);
      return false;
    }
  }

  private endFlushes(): void {
    if (this.flushes.length === 0 || this.onTheirWay.size > 0) return;
    const memoryIsEmpty = this.queue.size === 0 && this.ready.length === 0;
    if (this.isAway || (memoryIsEmpty && (this.parts.spill?.isEmpty ?? true))) {
      for (const done of this.flushes.splice(0)) done(memoryIsEmpty);
    }
  }

  /** Refuses further events. */
  refuse(): void {
    this.isClosed = true;
  }

  /** Keeps on disk whatever isn't at the edge yet, and ends `run`. */
  end(): Promise<boolean> {
    return new Promise((done) => {
      this.tell(async () => {
        const keptAll = await this.keepTheRest();
        this.isEnded = true;
        done(keptAll);
      });
    });
  }

  private async keepTheRest(): Promise<boolean> {
    const { rule, log } = this.parts;
    const rest = [...this.onTheirWay].filter(({ file }) => file === undefined).map(({ items }) => items);
    rest.push(...this.ready.map(({ items }) => items));
    this.onTheirWay.clear();
    while (this.queue.size > 0) rest.push(this.queue.take(rule.events, rule.bytes));
    let lost = 0;
    for (const items of rest) {
      if (await this.keep(items, true)) for (const { entry } of items) entry?.done();
      else lost += items.filter(({ entry }) => entry === undefined).length;
    }
    this.counters.lost += lost;
    if (lost > 0)
      log.error(`${String(lost)} audit events could neither be sent nor kept on disk and are lost`);
    return lost === 0;
  }
}

const LINE_FEED = Buffer.from('\n');
