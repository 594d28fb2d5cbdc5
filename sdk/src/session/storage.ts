/**
 * `localStorage` and `sessionStorage` that never throw: a browser may forbid, fill or empty them at any time.
 * What can't be kept is kept in memory for this document.
 */
import { parse, stringify } from '../transport/natives';

export class Drawer {
  private readonly memory = new Map<string, string>();

  constructor(private readonly storage: () => Storage) {}

  read(key: string): unknown {
    try {
      return parse(this.storage().getItem(key) ?? this.memory.get(key));
    } catch {
      return parse(this.memory.get(key));
    }
  }

  write(key: string, value: unknown): void {
    const text = stringify(value);
    this.memory.set(key, text);
    try {
      this.storage().setItem(key, text);
    } catch {
      // Forbidden or full: this document goes on with its own copy.
    }
  }

  remove(key: string): void {
    this.memory.delete(key);
    try {
      this.storage().removeItem(key);
    } catch {
      // Forbidden: nothing was kept either.
    }
  }
}

/** Shared by the tabs of an origin. */
export const shared = new Drawer(() => localStorage);
/** Of this window, copied when it is duplicated. */
export const windowOwn = new Drawer(() => sessionStorage);
