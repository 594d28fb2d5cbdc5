/** The recorder as the loader fetches it: takes over the calls that have waited. */
import type { Hindsight, StartOptions } from './api';
import type { Parts } from './parts';
import { Recorder } from './recorder';

declare const __FLATE_INTEGRITY__: string;
declare const __OVERLAY_INTEGRITY__: string;

/** What the loader leaves in `window.hindsight`. */
export interface Stub {
  /** Calls that wait: name and arguments. */
  q: [string, ...unknown[]][];
  /** What the script tag says. */
  o: StartOptions;
  /** How many tags there are, where there is more than one. */
  tags?: number;
}

/** A part hands its export over here. */
export type PartHook = Record<string, (part: never) => void>;

type Page = Window & { hindsight?: Partial<Stub> & Partial<Hindsight>; hindsightPart?: PartHook };

const page = window as unknown as Page;
const own = document.currentScript as HTMLScriptElement | null;

/** Fetches a file beside this one, with the same nonce and its integrity hash. */
function fetchPart<T>(name: string, integrity: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    (page.hindsightPart ??= {})[name] = resolve;
    script.src = new URL(`${name}.js`, own?.src).href;
    script.integrity = integrity;
    script.crossOrigin = 'anonymous';
    script.referrerPolicy = 'strict-origin';
    if (own?.nonce) script.nonce = own.nonce;
    script.onerror = reject;
    document.documentElement.append(script);
    script.remove();
  });
}

const parts: Parts = {
  flate: () => fetchPart('flate', __FLATE_INTEGRITY__),
  overlay: () => fetchPart('overlay', __OVERLAY_INTEGRITY__),
};

const stub = page.hindsight;
if (stub?.q && stub.o) {
  const recorder = new Recorder(parts);
  (page as { hindsight: unknown }).hindsight = recorder;
  recorder.tags = stub.tags ?? 1;
  recorder.start(stub.o);
  for (const [name, ...args] of stub.q) {
    const method = recorder[name as 'track'] as ((...args: unknown[]) => void) | undefined;
    method?.apply(recorder, args);
  }
}
