import { appendFile, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { createDurably, isHalf } from './durable-files.ts';
import { type SpillSlot, takeLeftovers, takeSlot } from './spill-slot.ts';
import { isJournal, recover, StrictJournal } from './strict-journal.ts';

/**
 * Batches on disk while the edge is away: a file a batch, written whole, synced, then given its name; never changed;
 * removed when the edge holds its events. A crash at any moment leaves whole files, at worst one that is sent twice,
 * which the events' ids absorb. Bounded in bytes, journal of strict operations included; a batch that doesn't fit is
 * refused. Used by the courier alone.
 */

const BATCH = '.jsonl';
const REFUSED = 'refused.jsonl';
/** Most bytes kept of events that the edge refused: for people to look at. */
const MOST_REFUSED_BYTES = 16 << 20;

/** A batch on disk. */
export interface SpilledBatch {
  path: string;
  bytes: number;
}

/** Bytes on disk, shared with the journal. */
export interface DiskBytes {
  used: number;
  readonly most: number;
}

export class SpillStore {
  private readonly batches: SpilledBatch[] = [];
  private readonly run = process.hrtime.bigint().toString(36).slice(-6);
  private written = 0;

  private constructor(
    private readonly slot: SpillSlot,
    private readonly disk: DiskBytes,
  ) {}

  /** Takes a place in the folder, and over what was left in it. */
  static async open(spillFolder: string, mostBytes: number): Promise<SpillStore> {
    const folder = resolve(spillFolder);
    const slot = await takeSlot(folder);
    try {
      const store = new SpillStore(slot, { used: 0, most: mostBytes });
      await store.takeOver(slot.folder);
      for (const left of await takeLeftovers(folder, slot)) {
        await store.takeOver(left.folder).finally(() => left.release());
      }
      return store;
    } catch (failure) {
      await slot.release();
      throw failure;
    }
  }

  /** The journal of strict operations, in the same place and under the same bound. */
  journal(): StrictJournal {
    return new StrictJournal(this.slot.folder, this.disk);
  }

  private async takeOver(folder: string): Promise<void> {
    const files = (await readdir(folder)).sort().map((name) => join(folder, name));
    for (const file of files) {
      const name = basename(file);
      if (isHalf(file)) {
        await rm(file);
      } else if (name.endsWith(BATCH) && name !== REFUSED) {
        const own = join(this.slot.folder, name);
        if (own !== file) await rename(file, own);
        this.add(own, (await stat(own)).size);
      }
    }
    const journals = files.filter(isJournal);
    const unfinished = await recover(journals);
    if (unfinished.length > 0) await this.create(unfinished.map((line) => Buffer.from(line)));
    for (const journal of journals) await rm(journal);
  }

  private add(path: string, bytes: number): void {
    this.batches.push({ path, bytes });
    this.disk.used += bytes;
  }

  /** Keeps a batch; false where it would pass the bound. */
  async keep(lines: readonly Buffer[]): Promise<boolean> {
    const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
    if (this.disk.used + bytes > this.disk.most) return false;
    await this.create(lines);
    return true;
  }

  private async create(lines: readonly Buffer[]): Promise<void> {
    const number = String(this.written++).padStart(8, '0');
    const name = `${String(Date.now()).padStart(13, '0')}-${this.run}-${number}${BATCH}`;
    const path = join(this.slot.folder, name);
    const content = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
    await createDurably(path, content);
    this.add(path, content.length);
  }

  /** Takes the oldest batch. It stays on disk until `remove`. */
  next(): SpilledBatch | undefined {
    return this.batches.shift();
  }

  /** Puts a batch back in front. */
  again(batch: SpilledBatch): void {
    this.batches.unshift(batch);
  }

  /** The events of a batch; none where somebody removed its file. */
  async read(batch: SpilledBatch): Promise<Buffer[]> {
    try {
      const lines = (await readFile(batch.path, 'utf8')).split('\n');
      return lines.filter((line) => line !== '').map((line) => Buffer.from(line));
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw failure;
    }
  }

  /** Forgets a batch that the edge holds. */
  async remove(batch: SpilledBatch): Promise<void> {
    this.disk.used -= batch.bytes;
    await rm(batch.path, { force: true });
  }

  /** Keeps an event that the edge refused, with the reason, for people; false where there is no more room. */
  async setAside(event: Buffer, why: string): Promise<boolean> {
    const path = join(this.slot.folder, REFUSED);
    const size = await stat(path).then(
      ({ size }) => size,
      () => 0,
    );
    if (size + event.length > MOST_REFUSED_BYTES) return false;
    await appendFile(path, `{"refused":${JSON.stringify(why)},"event":${event.toString()}}\n`, {
      flush: true,
    });
    return true;
  }

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  /** Bytes on disk that the edge doesn't hold yet. */
  get pendingBytes(): number {
    return this.disk.used;
  }

  async close(): Promise<void> {
    await this.slot.release();
  }
}

const LINE_FEED = Buffer.from('\n');
