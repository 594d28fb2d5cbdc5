/** Settings of a client. Every bound has a name and a default; `docs/auditing.md` tells all of them. */
export interface Options {
  /** Where the edge is, without a path: `https://audit.example.com`. */
  url: string;
  /** The server key. */
  key: string;
  /** A batch is sent when it has this many events. Default 100, at most 1,000. */
  batchEvents?: number;
  /** A batch is sent when it has this many bytes. Default 1 MiB. */
  batchBytes?: number;
  /** A batch is sent when its oldest event waited so long. Default 5,000. */
  batchWaitMs?: number;
  /** Most bytes of events that wait in memory; what doesn't fit is dropped and counted. Default 32 MiB. */
  memoryBytes?: number;
  /** Largest event; above it the largest states are left out, and the event says so. Default 256 KiB. */
  eventBytes?: number;
  /** Deepest nesting of a state. Default 32. */
  stateDepth?: number;
  /** Most batches on their way at once. Default 4. */
  inFlight?: number;
  /** How long an answer may take. Default 30,000. */
  requestWaitMs?: number;
  /** Where events are kept while the edge is away; null: nowhere. Default `hindsight-spill`. */
  spillFolder?: string | null;
  /** Most bytes kept there. Default 256 MiB. */
  spillBytes?: number;
  /** How long `close` tries to send before it keeps the rest on disk. Default 10,000. */
  closeWaitMs?: number;
  /** Whether an operation is refused when its event can't be kept. Default false. */
  strict?: boolean;
  /** Further field names whose values are masked. Default none. */
  maskNames?: readonly string[];
  /** Field names that are never masked, in full. Default none. */
  maskExcept?: readonly string[];
  /** Whether telephone numbers are masked, too. Default false. */
  maskPhones?: boolean;
  /** Where the client says what goes wrong. Default `console`. */
  log?: Log;
}

/** What the client needs of a logger; pino, winston and `console` have it. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Options with their defaults. */
export type Settings = Required<Options>;

/** Most events that the edge takes in one call. */
export const MOST_BATCH_EVENTS = 1_000;

/** Adds the defaults and refuses what can't work, so that it is found at the start. */
export function settings(options: Options): Settings {
  const all: Settings = {
    batchEvents: 100,
    batchBytes: 1 << 20,
    batchWaitMs: 5_000,
    memoryBytes: 32 << 20,
    eventBytes: 256 << 10,
    stateDepth: 32,
    inFlight: 4,
    requestWaitMs: 30_000,
    spillFolder: 'hindsight-spill',
    spillBytes: 256 << 20,
    closeWaitMs: 10_000,
    strict: false,
    maskNames: [],
    maskExcept: [],
    maskPhones: false,
    log: console,
    ...options,
  };
  if (!/^https?:$/.test(new URL(all.url).protocol))
    throw new RangeError(`url ${all.url} is not http or https`);
  if (!/^[!-~]+$/.test(all.key)) throw new RangeError('key is empty or has characters that no key has');
  within('batchEvents', all.batchEvents, 1, MOST_BATCH_EVENTS);
  within('batchBytes', all.batchBytes, 1_024, 4 << 20);
  within('batchWaitMs', all.batchWaitMs, 1, 3_600_000);
  within('eventBytes', all.eventBytes, 1_000, 512 << 10);
  within('memoryBytes', all.memoryBytes, all.eventBytes, Number.MAX_SAFE_INTEGER);
  within('stateDepth', all.stateDepth, 1, 60);
  within('inFlight', all.inFlight, 1, 64);
  within('requestWaitMs', all.requestWaitMs, 1, 3_600_000);
  within('spillBytes', all.spillBytes, all.eventBytes, Number.MAX_SAFE_INTEGER);
  within('closeWaitMs', all.closeWaitMs, 0, 3_600_000);
  return all;
}

function within(name: string, value: number, least: number, most: number): void {
  if (!Number.isFinite(value) || value < least || value > most) {
    throw new RangeError(
      `${name} is ${String(value)} but must lie within ${String(least)} and ${String(most)}`,
    );
  }
}
