/**
 * Fewer events of the kinds that come in floods: the last text of a field at most every so often, and a bound on
 * clicks (a script may click a thousand times a second; people don't).
 */
interface RrwebEvent {
  type: number;
  timestamp: number;
  data?: unknown;
}

const INTERACTIONS_PER_S = 40;

export class Throttle {
  private readonly fields = new Map<number, { at: number; waiting?: RrwebEvent }>();
  private second = 0;
  private interactions = 0;

  constructor(
    private readonly inputEveryMs: number,
    private readonly pass: (event: RrwebEvent) => void,
  ) {}

  add(event: RrwebEvent): void {
    const data = (event.data ?? {}) as { source?: number; id?: number };
    if (event.type === 3 && data.source === 5 && data.id !== undefined) this.input(event, data.id);
    else if (event.type !== 3 || data.source !== 2 || this.mayInteract(event.timestamp)) this.pass(event);
  }

  /** The texts that wait, before a page is left or a keyframe is taken. */
  flush(): void {
    for (const field of this.fields.values()) {
      const event = field.waiting;
      delete field.waiting;
      if (event) this.pass(event);
    }
    this.fields.clear();
  }

  private input(event: RrwebEvent, id: number): void {
    const field = this.fields.get(id);
    if (!field || event.timestamp - field.at >= this.inputEveryMs) {
      this.fields.set(id, { at: event.timestamp });
      this.pass(event);
      return;
    }
    if (!field.waiting) {
      setTimeout(() => {
        this.ripe(id);
      }, this.inputEveryMs);
    }
    field.waiting = event;
  }

  private ripe(id: number): void {
    const field = this.fields.get(id);
    const event = field?.waiting;
    if (!field || !event) return;
    delete field.waiting;
    field.at = Date.now();
    // Its own time lies before events that have passed; players want order.
    this.pass({ ...event, timestamp: field.at });
  }

  private mayInteract(at: number): boolean {
    const second = Math.floor(at / 1000);
    if (second !== this.second) this.interactions = 0;
    this.second = second;
    return this.interactions++ < INTERACTIONS_PER_S;
  }
}
