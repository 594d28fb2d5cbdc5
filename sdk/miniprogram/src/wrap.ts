/**
 * Looks on while the framework registers pages and components: which page is shown, what is tapped, where something is
 * typed. The methods that a page hands over are called with the same arguments and `this`, and what they return or
 * throw is theirs.
 *
 * A bubbling event calls a handler on each level; by its time it is told once.
 */
import { safely, type Options, type World } from './host';

export interface Heard {
  shown: (route: string, query: Record<string, string>) => void;
  tapped: (selector: string, text: string, x: number, y: number) => void;
  typed: (selector: string) => void;
}

interface UiEvent {
  type?: unknown;
  timeStamp?: number;
  currentTarget?: { id?: string; dataset?: Record<string, unknown> };
  detail?: { x?: number; y?: number; source?: string } | null;
}

type Method = (this: unknown, ...values: unknown[]) => unknown;

const TAPS = /^(tap|longpress|longtap)$/;
const TYPED = /^(input|change)$/;

/** uni-app calls one handler for all and names the page's own in the element's data. */
function handlerOf(name: string, dataset: Record<string, unknown>): string {
  const named = /"(?:tap|longpress|input|change)",\s*\[\s*\[\s*"(\w+)"/.exec(
    JSON.stringify(dataset['eventOpts'] ?? ''),
  );
  return named?.[1] ?? name;
}

class Ear {
  private last = '';

  constructor(private readonly heard: Heard) {}

  /** Called before each method that might be a handler. */
  listen(name: string, given: unknown): void {
    const event = given as UiEvent | undefined;
    const target = event?.currentTarget;
    if (!target || typeof event.type !== 'string') return;
    const { type, timeStamp, detail } = event;
    const isTap = TAPS.test(type);
    if (!isTap && (!TYPED.test(type) || detail?.source === 'autoplay')) return;
    const moment = `${type} ${String(timeStamp)}`;
    if (timeStamp !== undefined && moment === this.last) return;
    this.last = moment;
    const dataset = target.dataset ?? {};
    const selector = target.id ? `#${target.id}` : `[bind${type}="${handlerOf(name, dataset)}"]`;
    if (!isTap) this.heard.typed(selector);
    else {
      // Texts of elements can't be read here; a page may name what is tapped: data-hindsight="Pay".
      const label = dataset['hindsight'];
      const { x = 0, y = 0 } = detail ?? {};
      this.heard.tapped(selector, typeof label === 'string' ? label : '', Math.round(x), Math.round(y));
    }
  }

  methods(methods: Options): void {
    for (const name of Object.keys(methods)) {
      if (typeof methods[name] === 'function') methods[name] = this.before(methods[name] as Method, name);
    }
  }

  private before(method: Method, name: string): Method {
    const ear = this; // eslint-disable-line @typescript-eslint/no-this-alias -- `this` is the page's in a method
    return function (this: unknown, ...values: unknown[]) {
      safely(() => {
        ear.listen(name, values[0]);
      });
      return method.apply(this, values);
    };
  }
}

/** Calls `told` before a method that may be missing. */
function onCall(methods: Options, name: string, told: (self: unknown) => void): void {
  const method = methods[name] as Method | undefined;
  methods[name] = function (this: unknown, ...values: unknown[]) {
    safely(() => {
      told(this);
    });
    return method?.apply(this, values);
  };
}

export function wrapPages(world: World, heard: Heard): void {
  const ear = new Ear(heard);
  const shown = (self: unknown): void => {
    const page = self as { route?: string; options?: Record<string, string> } | undefined;
    const top = page?.route ? page : world.pages().slice(-1)[0];
    if (top?.route) heard.shown(top.route, page?.options ?? top.options ?? {});
  };
  const watched = (register: World['Page'], methodsOf: (options: Options) => Options): World['Page'] =>
    register &&
    ((options) => {
      safely(() => {
        const methods = methodsOf(options);
        ear.methods(methods);
        onCall(methods, 'onShow', shown);
      });
      return register(options);
    });
  safely(() => {
    world.Page = watched(world.Page, (options) => options);
    // A page may be made of a component; of one that is no page, nobody calls `onShow`.
    world.Component = watched(world.Component, (options) => (options['methods'] ??= {}) as Options);
  });
}

/** The app comes to the front and goes to the back; where there is no `App`, the host says so. */
export function wrapApp(world: World, shown: () => void, hidden: () => void): void {
  const { App: register, host } = world;
  if (!register) {
    host.onAppShow?.(shown);
    host.onAppHide?.(hidden);
    return;
  }
  safely(() => {
    world.App = (options) => {
      safely(() => {
        onCall(options, 'onShow', shown);
        onCall(options, 'onHide', hidden);
      });
      return register(options);
    };
  });
}
