/**
 * What outlives the process: settings, session, device, and packets that the server hasn't answered for. Nothing here
 * throws: a host may refuse, fill or clear its storage at any time; then this process goes on from memory.
 *
 * Bound: `STORED_CHARS` of packets, for at most 24 h; the oldest makes room. WeChat gives 10 MB in all and 1 MB a key.
 */
import type { Packet } from '../../src/transport/outbox';
import { nameOf } from '../../src/transport/outbox';
import type { PacketStore } from '../../src/transport/store';
import type { Host } from './host';

export const STORED_CHARS = 1_000_000;
export const STORED_MS = 24 * 3_600_000;
const INDEX = 'hindsight.packets';

export class Shelf {
  state = 'ok';
  private readonly memory: Record<string, unknown> = {};

  constructor(private readonly host: Host) {}

  read(key: string): unknown {
    try {
      return this.host.getStorageSync(key) || this.memory[key];
    } catch {
      return this.memory[key];
    }
  }

  write(key: string, value: unknown): void {
    this.memory[key] = value;
    this.attempt(() => {
      this.host.setStorageSync(key, value);
    });
  }

  remove(key: string): void {
    Reflect.deleteProperty(this.memory, key);
    this.attempt(() => {
      this.host.removeStorageSync(key);
    });
  }

  private attempt(change: () => void): void {
    try {
      change();
    } catch (error) {
      this.state = String((error as Partial<Error> | undefined)?.message ?? error);
    }
  }
}

interface Entry {
  name: string;
  at: number;
  chars: number;
  /** Server and key that it is for. */
  door: string;
}

const keyOf = (name: string): string => `hindsight.packet.${name}`;

export class StoredPackets implements PacketStore<string> {
  constructor(
    private readonly shelf: Shelf,
    private readonly door: string,
    private readonly now: () => number,
    /** Told of a packet that made room for a newer one. */
    private readonly dropped: () => void,
  ) {}

  get state(): string {
    return this.shelf.state;
  }

  put(packet: Packet<string>): void {
    const name = nameOf(packet);
    const others = this.entries().filter((entry) => entry.name !== name);
    const entries = [...others, { name, at: this.now(), chars: packet.body.length, door: this.door }];
    for (let chars = entries.reduce((sum, each) => sum + each.chars, 0); chars > STORED_CHARS;) {
      const oldest = entries.length > 1 ? entries.shift() : undefined;
      if (!oldest) return;
      chars -= oldest.chars;
      this.shelf.remove(keyOf(oldest.name));
      this.dropped();
    }
    this.shelf.write(keyOf(name), packet);
    this.shelf.write(INDEX, entries);
  }

  remove(packet: Packet<string>): void {
    this.forget([nameOf(packet)]);
  }

  leftovers(): Promise<Packet<string>[]> {
    const entries = this.entries();
    const isOld = ({ at }: Entry): boolean => Math.abs(this.now() - at) > STORED_MS;
    this.forget(entries.filter(isOld).map(({ name }) => name));
    const ours = entries.filter((entry) => !isOld(entry) && entry.door === this.door);
    const packets = ours.map(({ name }) => this.shelf.read(keyOf(name)) as Packet<string> | undefined);
    return Promise.resolve(packets.filter((packet) => typeof packet?.body === 'string') as Packet<string>[]);
  }

  clear(): void {
    this.forget(this.entries().map(({ name }) => name));
  }

  private entries(): Entry[] {
    const stored = this.shelf.read(INDEX);
    return Array.isArray(stored) ? (stored as Entry[]) : [];
  }

  private forget(names: string[]): void {
    const entries = this.entries();
    const rest = entries.filter(({ name }) => !names.includes(name));
    if (rest.length === entries.length) return;
    for (const name of names) this.shelf.remove(keyOf(name));
    this.shelf.write(INDEX, rest);
  }
}
