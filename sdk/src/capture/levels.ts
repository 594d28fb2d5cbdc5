/**
 * Capture levels: what is recorded, and what is left out first when something is short (DESIGN.md 10).
 *
 * L0 business facts, never shed; L1 page structure; L2 input, clicks and network; L3 scroll and pointer; L4 pointer
 * detail. Several parties have a say; the lowest counts.
 */
export type Level = 0 | 1 | 2 | 3 | 4;

/** `L0` to `L4`; anything else is no level. */
export function parseLevel(name: unknown): Level | undefined {
  const match = typeof name === 'string' ? /^L([0-4])$/.exec(name) : null;
  return match ? (Number(match[1]) as Level) : undefined;
}

const BUSINESS = new Set(['start', 'identify', 'reference', 'page', 'confirm', 'track', 'gap', 'end']);

/** rrweb's incremental sources by level; what isn't named is page structure. */
const SOURCES: Record<number, Level> = { 1: 3, 2: 2, 3: 3, 5: 2, 6: 3, 7: 2, 12: 3, 14: 3 };

/** Mouse interactions other than click, context menu, double click, focus, blur are pointer detail. */
const POINTED = new Set([2, 3, 4, 5, 6]);

interface Shape {
  type: number;
  data?: { source?: number; type?: number; tag?: string } | unknown;
}

/** The lowest level at which an event is recorded. */
export function levelOf(event: Shape): Level {
  const data = (event.data ?? {}) as { source?: number; type?: number; tag?: string };
  if (event.type === 5) {
    const [prefix, name] = (data.tag ?? '').split('.');
    if (prefix !== 'hindsight') return 0;
    if (BUSINESS.has(name ?? '')) return 0;
    return name === 'error' ? 1 : 2;
  }
  if (event.type !== 3) return 1;
  if (data.source === 2) return POINTED.has(data.type ?? -1) ? 2 : 4;
  return SOURCES[data.source ?? 0] ?? 1;
}

/** Who has a say, by name; the reason is shown in the overlay. */
export class Levels {
  private readonly said = new Map<string, Level>();

  constructor(private readonly changed: (level: Level) => void) {}

  get now(): Level {
    return Math.min(4, ...this.said.values()) as Level;
  }

  /** Who keeps the level down, if anyone. */
  get because(): string {
    return [...this.said]
      .filter(([, level]) => level < 4 && level === this.now)
      .map(([who]) => who)
      .join(', ');
  }

  say(who: string, level: Level): void {
    const before = this.now;
    this.said.set(who, level);
    if (this.now !== before) this.changed(this.now);
  }
}
