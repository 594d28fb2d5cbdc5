import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncFolder } from './durable-files.ts';
import type { DiskBytes } from './spill-store.ts';

/**
 * Strict operations before they run and when they ended: each line is on disk before the business code goes on, so an
 * operation leaves a trace whatever happens in its middle.
 *
 * A line is `A|C <id> <event>`: begun (with the event to send if nothing more is heard of it: outcome unknown) and
 * completed. After a crash `recover` gives the completed events, and the begun ones without an end. A file goes when each
 * operation in it is kept elsewhere. Operations share a sync: whoever comes while one is under way goes with the next. A
 * torn last line is of an operation that was never allowed to run.
 */

const NAME = 'strict-';
/** A file isn't continued beyond this, so that what is done can be removed. */
const FILE_BYTES = 4 << 20;

/** One operation's place: the files that must stay until its event is kept elsewhere. */
export class Entry {
  private readonly files: JournalFile[] = [];
  private isDone = false;

  in(file: JournalFile): void {
    if (this.isDone) file.release(1);
    else this.files.push(file);
  }

  /** The operation's event is kept elsewhere. */
  done(): void {
    this.isDone = true;
    for (const file of this.files.splice(0)) file.release(1);
  }
}

/** A file, removed when nobody needs it any more. A write that fails is cut off again: what was refused never began. */
class JournalFile {
  bytes = 0;
  private users = 1;

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private readonly disk: DiskBytes,
  ) {}

  static async create(path: string, disk: DiskBytes): Promise<JournalFile> {
    const handle = await open(path, 'wx');
    await syncFolder(dirname(path));
    return new JournalFile(path, handle, disk);
  }

  async append(lines: Buffer): Promise<void> {
    try {
      await this.handle.write(lines, 0, lines.length, this.bytes);
      await this.handle.sync();
      this.bytes += lines.length;
      this.disk.used += lines.length;
    } catch (failure) {
      await this.handle.truncate(this.bytes).catch(() => undefined);
      throw failure;
    }
  }

  hold(lines: number): void {
    this.users += lines;
  }

  release(lines: number): void {
    this.users -= lines;
    if (this.users > 0) return;
    this.disk.used -= this.bytes;
    // Left behind it is read again at the next start: sent once more, which the events' ids absorb.
    void this.handle
      .close()
      .then(() => rm(this.path, { force: true }))
      .catch(() => undefined);
  }
}

/** Lines that share a sync. */
interface Group {
  lines: string[];
  written: Promise<JournalFile> | undefined;
}

export class StrictJournal {
  private group: Group = { lines: [], written: undefined };
  private last: Promise<unknown> = Promise.resolve();
  private file: JournalFile | undefined;
  private files = 0;

  constructor(
    private readonly folder: string,
    private readonly disk: DiskBytes,
  ) {}

  /** Keeps that an operation begins; it may run when this is done. */
  async begin(id: string, eventIfUnfinished: string): Promise<Entry> {
    if (this.disk.used + Buffer.byteLength(eventIfUnfinished) > this.disk.most) {
      throw new Error(`the spill folder is at its bound of ${String(this.disk.most)} bytes`);
    }
    const entry = new Entry();
    entry.in(await this.append(`A ${id} ${eventIfUnfinished}\n`));
    return entry;
  }

  /** Keeps how it ended, even above the bound: what has begun has a right to its end. */
  async complete(entry: Entry, id: string, event: string): Promise<void> {
    entry.in(await this.append(`C ${id} ${event}\n`));
  }

  private append(line: string): Promise<JournalFile> {
    const { group } = this;
    group.lines.push(line);
    if (group.written === undefined) {
      group.written = this.last.then(() => this.write(group));
      this.last = group.written.catch(() => undefined);
    }
    return group.written;
  }

  private async write(group: Group): Promise<JournalFile> {
    this.group = { lines: [], written: undefined };
    const file = await this.writable();
    file.hold(group.lines.length);
    try {
      await file.append(Buffer.from(group.lines.join('')));
      return file;
    } catch (failure) {
      // Nothing is known of the file's end now: the next operation gets a new one.
      file.release(group.lines.length + 1);
      this.file = undefined;
      throw failure;
    }
  }

  private async writable(): Promise<JournalFile> {
    if (this.file === undefined || this.file.bytes > FILE_BYTES) {
      const name = `${NAME}${String(Date.now()).padStart(13, '0')}-${String(this.files++).padStart(4, '0')}.journal`;
      const next = await JournalFile.create(join(this.folder, name), this.disk);
      this.file?.release(1);
      this.file = next;
    }
    return this.file;
  }

  async close(): Promise<void> {
    await this.last;
    this.file?.release(1);
    this.file = undefined;
  }
}

export function isJournal(path: string): boolean {
  return basename(path).startsWith(NAME);
}

/** The events of operations whose process ended: as completed, else as begun. */
export async function recover(journals: readonly string[]): Promise<string[]> {
  const completed = new Map<string, string>();
  const begun = new Map<string, string>();
  for (const journal of journals) {
    const lines = (await readFile(journal, 'utf8')).split('\n');
    // What stands behind the last line feed is torn.
    for (const line of lines.slice(0, -1)) {
      const parts = /^([AC]) (\S+) (\{.*\})$/.exec(line);
      if (parts?.[2] !== undefined && parts[3] !== undefined) {
        (parts[1] === 'C' ? completed : begun).set(parts[2], parts[3]);
      }
    }
  }
  for (const id of completed.keys()) begun.delete(id);
  return [...completed.values(), ...begun.values()];
}
