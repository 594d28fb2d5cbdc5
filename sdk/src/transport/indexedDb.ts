/**
 * Packets in IndexedDB: at most 5 MB for an origin, for at most 24 h (DESIGN.md 'Words': a batch once sent is never
 * changed, so a packet is stored as it was packed).
 *
 * When it fails (private mode, storage full, deleted by the user) `state` says so and sending goes on from memory.
 */
import { nameOf, type Packet } from './outbox';
import type { PacketStore } from './store';

export const STORE_BYTES = 5_000_000;
export const STORE_AGE_MS = 24 * 3_600_000;

const STORE = 'packets';

interface Row {
  name: string;
  /** Server and key that it is for. */
  door: string;
  at: number;
  packet: Packet;
}

interface Kept {
  name: string;
  bytes: number;
}

export class IndexedDbStore implements PacketStore {
  state = 'ok';
  private database: Promise<IDBDatabase | undefined>;
  private kept: Kept[] = [];
  private bytes = 0;

  constructor(
    private readonly door: string,
    private readonly now: () => number = Date.now,
    /** Told of a packet that made room for a newer one. */
    private readonly dropped: (name: string) => void = () => undefined,
    name = 'hindsight',
  ) {
    this.database = this.open(name);
  }

  put(packet: Packet): void {
    const name = nameOf(packet);
    this.account(name, packet.body.length);
    const row: Row = { name, door: this.door, at: this.now(), packet };
    void this.write((store) => store.put(row));
  }

  remove(packet: Packet): void {
    this.forget(nameOf(packet));
  }

  async leftovers(): Promise<Packet[]> {
    const rows = (await this.all()).sort((a, b) => a.at - b.at || a.packet.seq - b.packet.seq);
    const packets: Packet[] = [];
    for (const row of rows) {
      const age = this.now() - row.at;
      // A row from the future was written under a clock that has been set back: its age isn't known.
      if (age > STORE_AGE_MS || age < -STORE_AGE_MS) {
        this.forget(row.name);
        continue;
      }
      if (!this.kept.some(({ name }) => name === row.name)) this.account(row.name, row.packet.body.length);
      if (row.door === this.door) packets.push(row.packet);
    }
    return packets;
  }

  clear(): void {
    this.kept = [];
    this.bytes = 0;
    void this.write((store) => store.clear());
  }

  private account(name: string, bytes: number): void {
    this.unaccount(name);
    this.kept.push({ name, bytes });
    this.bytes += bytes;
    while (this.bytes > STORE_BYTES && this.kept.length > 1) {
      const oldest = this.kept[0];
      if (!oldest) return;
      this.forget(oldest.name);
      this.dropped(oldest.name);
    }
  }

  private forget(name: string): void {
    this.unaccount(name);
    void this.write((store) => store.delete(name));
  }

  private unaccount(name: string): void {
    const index = this.kept.findIndex((each) => each.name === name);
    if (index >= 0) this.bytes -= this.kept.splice(index, 1)[0]?.bytes ?? 0;
  }

  private open(name: string): Promise<IDBDatabase | undefined> {
    return new Promise((resolve) => {
      const failed = (why: string) => () => {
        this.state = why;
        resolve(undefined);
      };
      try {
        const request = indexedDB.open(name, 1);
        request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'name' });
        request.onsuccess = () => {
          // Another tab with a newer recorder must not wait for us.
          request.result.onversionchange = () => {
            request.result.close();
          };
          resolve(request.result);
        };
        request.onerror = failed('forbidden');
        request.onblocked = failed('blocked');
      } catch {
        failed('forbidden')();
      }
    });
  }

  private async write(change: (store: IDBObjectStore) => IDBRequest): Promise<void> {
    const database = await this.database;
    try {
      const transaction = database?.transaction(STORE, 'readwrite', { durability: 'relaxed' });
      if (!transaction) return;
      transaction.onabort = () => (this.state = transaction.error?.name ?? 'aborted');
      change(transaction.objectStore(STORE));
      // Asked for at once: a page that is being left gets no event in which to commit by itself.
      (transaction as Partial<IDBTransaction>).commit?.();
    } catch (error) {
      this.state = (error as Error).name;
    }
  }

  private async all(): Promise<Row[]> {
    const database = await this.database;
    return new Promise((resolve) => {
      try {
        const request = database?.transaction(STORE).objectStore(STORE).getAll() as
          IDBRequest<Row[]> | undefined;
        if (!request) {
          resolve([]);
          return;
        }
        request.onsuccess = () => {
          resolve(request.result);
        };
        request.onerror = () => {
          resolve([]);
        };
      } catch {
        resolve([]);
      }
    });
  }
}
