import { performance } from 'node:perf_hooks';
import { currentContext, type RequestContext } from './context.ts';
import { Courier } from './courier.ts';
import { type AuditEvent, capture, encode, eventId, type States } from './event.ts';
import { httpTransport } from './http-transport.ts';
import { Masking } from './masking.ts';
import { type Options, settings, type Settings } from './options.ts';
import { SpillStore } from './spill-store.ts';
import { StateWriter } from './state.ts';
import type { Entry, StrictJournal } from './strict-journal.ts';

/**
 * Sends audit events to Hindsight: what happened is said at once, sent behind the scenes, and kept on disk while
 * the edge is away. `docs/auditing.md` tells the whole of it.
 *
 * Nothing here throws into the business call, with one exception that is asked for: a strict operation is refused
 * (`OperationRefused`) before it runs when its event can't be kept. One client a process; close it.
 */

/** A strict operation must not run, because its audit event can't be kept. Thrown before the operation, never after. */
export class OperationRefused extends Error {
  override name = 'OperationRefused';

  constructor(why: string) {
    super(`the operation is refused, because its audit event can't be kept: ${why}`);
  }
}

/** What became of the events so far. */
export interface Stats {
  /** Events that the application gave. */
  recorded: number;
  /** Events that the edge holds. */
  kept: number;
  /** Events that the edge won't have; they lie in `refused.jsonl` of the spill folder. */
  refused: number;
  /** Events that found no room in memory or on disk, or came after the close. */
  lost: number;
  waitingInMemory: number;
  waitingBytesOnDisk: number;
  /** Whether the edge took nothing at the last try. */
  isAway: boolean;
}

/** What is sent of an operation that began and of which nothing more was heard. */
const UNKNOWN = 'outcome unknown: the process ended during the operation';

/** An operation under way: says at its end what came of it, exactly once. Never throws. */
export class Operation {
  private isEnded = false;

  /** Made by `HindsightClient.begin`. */
  constructor(
    private readonly finish: (event: AuditEvent, more: AuditEvent) => Promise<void>,
    /** To say what is known only now: targets, measures. States are given to `succeed`. */
    readonly event: AuditEvent,
  ) {}

  /** It succeeded; states are read now. Done when a strict operation's end is on disk. */
  async succeed(states: Pick<AuditEvent, 'before' | 'after' | 'response'> = {}): Promise<void> {
    await this.end({ ...states, action: this.event.action });
  }

  /** It failed. */
  async fail(why: unknown): Promise<void> {
    const error = why instanceof Error ? `${why.name}: ${why.message}` : String(why);
    await this.end({ action: this.event.action, error, outcome: 'failure' });
  }

  private async end(more: AuditEvent): Promise<void> {
    if (this.isEnded) return;
    this.isEnded = true;
    await this.finish(this.event, more);
  }
}

export class HindsightClient {
  private readonly writer: StateWriter;
  private readonly courier: Courier;
  private readonly journal: StrictJournal | undefined;
  private readonly running: Promise<void>;
  private closing: Promise<void> | undefined;

  private constructor(
    private readonly options: Settings,
    private readonly spill: SpillStore | undefined,
  ) {
    const { maskNames: names, maskExcept: except, maskPhones: phones } = options;
    this.writer = new StateWriter(new Masking({ names, except, phones }), options.stateDepth);
    this.journal = spill?.journal();
    this.courier = new Courier({
      rule: { events: options.batchEvents, bytes: options.batchBytes, waitMs: options.batchWaitMs },
      memoryBytes: options.memoryBytes,
      inFlight: options.inFlight,
      transport: httpTransport(options.url, options.key, options.requestWaitMs),
      spill,
      nowMs: () => performance.now(),
      random: Math.random,
      log: options.log,
    });
    this.running = this.courier.run();
  }

  /** Starts a client. What can't work is told here; that the edge is away is no reason not to start. */
  static async start(options: Options): Promise<HindsightClient> {
    const all = settings(options);
    return new HindsightClient(all, await openSpill(all));
  }

  /** Says that something happened. */
  record(event: AuditEvent): void {
    this.quietly(() => {
      const dated = this.dated(event);
      this.offer(this.line(dated, capture(dated, this.writer), currentContext()), undefined);
    });
  }

  /** An operation is about to run; its states are read now. Rejects with `OperationRefused` if it is strict and can't be kept. */
  async begin(event: AuditEvent): Promise<Operation> {
    const dated = this.dated(event);
    const context = currentContext();
    const states: States = {};
    this.quietly(() => capture(dated, this.writer, states));
    const entry =
      (dated.strict ?? this.options.strict) ? await this.promise(dated, states, context) : undefined;
    return new Operation((begun, more) => this.complete(begun, more, states, context, entry), dated);
  }

  /** Runs an operation and says what came of it; its result is the event's response. */
  async around<T>(event: AuditEvent, run: () => T | Promise<T>): Promise<T> {
    const operation = await this.begin(event);
    let result: T;
    try {
      result = await run();
    } catch (failure) {
      await operation.fail(failure);
      throw failure;
    }
    await operation.succeed({ response: result });
    return result;
  }

  private dated(event: AuditEvent): AuditEvent {
    const now = new Date();
    return { ...event, id: event.id ?? eventId(now.getTime()), occurredAt: event.occurredAt ?? now };
  }

  /** Makes sure of a place before the operation runs: on disk, and in memory for its end. */
  private async promise(event: AuditEvent, states: States, context: RequestContext): Promise<Entry> {
    if (this.journal === undefined) throw new OperationRefused('there is no spill folder');
    if (!this.courier.hasRoom(this.options.eventBytes)) {
      throw new OperationRefused('memory is full, or the client is closed');
    }
    try {
      const unfinished = encode({ ...event, error: UNKNOWN }, states, context, this.options.eventBytes);
      return await this.journal.begin(event.id ?? '', unfinished);
    } catch (failure) {
      throw new OperationRefused(String(failure));
    }
  }

  private async complete(
    begun: AuditEvent,
    more: AuditEvent,
    states: States,
    context: RequestContext,
    entry: Entry | undefined,
  ): Promise<void> {
    try {
      const event = { ...begun, ...more };
      const line = this.line(event, capture(more, this.writer, states), context);
      if (entry !== undefined) {
        // It has happened, so it isn't denied: memory has it, and the journal that it began.
        await this.journal?.complete(entry, event.id ?? '', line).catch((failure: unknown) => {
          this.options.log.error(`the end of a strict operation can't be kept on disk: ${String(failure)}`);
        });
      }
      this.offer(line, entry);
    } catch (failure) {
      this.options.log.error(`an audit event can't be made: ${String(failure)}`);
    }
  }

  private line(event: AuditEvent, states: States, context: RequestContext): string {
    try {
      return encode(event, states, context, this.options.eventBytes);
    } catch (failure) {
      this.courier.counters.recorded += 1;
      this.courier.counters.lost += 1;
      throw failure;
    }
  }

  private offer(line: string, entry: Entry | undefined): void {
    const item = { line: Buffer.from(line), at: this.courier.now() };
    this.courier.offer(entry === undefined ? item : { ...item, entry });
  }

  /** What goes wrong in here is ours and not the caller's. */
  private quietly(work: () => void): void {
    try {
      work();
    } catch (failure) {
      this.options.log.error(`an audit event can't be made, or not in full: ${String(failure)}`);
    }
  }

  /** Waits until what was recorded is at the edge or on disk; false where that took too long or neither takes it. */
  flush(waitMs: number): Promise<boolean> {
    return within(this.courier.flush(), waitMs);
  }

  /** What became of the events so far. */
  stats(): Stats {
    return {
      ...this.courier.counters,
      waitingInMemory: this.courier.waiting,
      waitingBytesOnDisk: this.spill?.pendingBytes ?? 0,
      isAway: this.courier.isAway,
    };
  }

  /** Takes no more events, sends what it can within `closeWaitMs`, keeps the rest on disk. */
  close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  private async finish(): Promise<void> {
    this.courier.refuse();
    await within(this.courier.flush(), this.options.closeWaitMs);
    await this.courier.end();
    await this.running;
    await this.journal?.close();
    await this.spill?.close();
  }
}

async function openSpill(options: Settings): Promise<SpillStore | undefined> {
  if (options.spillFolder === null) return undefined;
  try {
    return await SpillStore.open(options.spillFolder, options.spillBytes);
  } catch (failure) {
    options.log.error(
      `the spill folder ${options.spillFolder} can't be used: while the edge is away, audit events wait in memory alone, ` +
        `and strict operations are refused: ${String(failure)}`,
    );
    return undefined;
  }
}

async function within(done: Promise<boolean>, waitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, waitMs, false);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
