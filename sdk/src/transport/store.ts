/**
 * Where packets wait over page loads. Best effort: a browser may forbid it, lose it, or run out of it; nothing here
 * throws or holds up sending.
 */
import type { Body, Packet } from './outbox';

export interface PacketStore<B extends Body = Uint8Array<ArrayBuffer>> {
  /** One that is there already is replaced. */
  put(packet: Packet<B>): void;
  remove(packet: Packet<B>): void;
  /** What earlier pages left, oldest first. */
  leftovers(): Promise<Packet<B>[]>;
  /** Removes everything. */
  clear(): void;
  /** How it goes: `ok`, or why nothing is kept. */
  readonly state: string;
}

/** Where nothing can be kept. */
export const noStore = (state: string): PacketStore => ({
  put: () => undefined,
  remove: () => undefined,
  leftovers: () => Promise.resolve([]),
  clear: () => undefined,
  state,
});
