/**
 * The one script tag: leaves `window.hindsight`, whose calls wait, and fetches the recorder.
 *
 * Finds its server from its own address, so it works behind any first-party path; hands its nonce on, so it works
 * under a strict policy. Where consent is required nothing is fetched before it. Loaded twice, the first counts; in a
 * frame of a page that is recorded, that page's recorder counts.
 */
import type { Hindsight, StartOptions } from './api';
import type { Stub } from './tag';

declare const __RECORDER_PATH__: string;
declare const __RECORDER_INTEGRITY__: string;
declare const __PLAIN_PATH__: string;
declare const __PLAIN_INTEGRITY__: string;

declare const __OBFUSCATED_PATH__: string;
declare const __OBFUSCATED_INTEGRITY__: string;

type Page = Window & { hindsight?: unknown };

/** Recorders by `data-build`: the small one where none is named. */
const BUILDS: Partial<Record<string, [string, string]>> = {
  plain: [__PLAIN_PATH__, __PLAIN_INTEGRITY__],
  obfuscated: [__OBFUSCATED_PATH__, __OBFUSCATED_INTEGRITY__],
};
const SMALL: [string, string] = [__RECORDER_PATH__, __RECORDER_INTEGRITY__];

const NAMES = ['start', 'stop', 'identify', 'reference', 'track', 'page', 'confirm', 'end'] as const;
const CONSENT = 'hindsight.consent';

function around(): unknown {
  try {
    return window.parent !== window ? (window.parent as Page).hindsight : undefined;
  } catch {
    return undefined;
  }
}

function hasConsent(): boolean {
  try {
    return localStorage.getItem(CONSENT) === '"granted"';
  } catch {
    return false;
  }
}

function load(tag: HTMLScriptElement): void {
  const address = new URL(tag.src);
  const asked = address.searchParams;
  const base = new URL('./', address).href;
  const [path, integrity] = BUILDS[tag.dataset['build'] ?? ''] ?? SMALL;
  const required = tag.dataset['consent'] === 'required';
  const options: StartOptions = { server: base, consent: required ? 'required' : 'not_required' };
  const [key, source, release] = [asked.get('id'), asked.get('source'), tag.dataset['release']];
  if (key) options.key = key;
  if (source) options.source = source;
  if (release) options.release = release;

  let fetched = false;
  const fetchRecorder = (): void => {
    if (fetched) return;
    fetched = true;
    const script = document.createElement('script');
    script.src = base + path;
    script.integrity = integrity;
    script.crossOrigin = 'anonymous';
    script.async = true;
    script.referrerPolicy = 'strict-origin';
    if (tag.nonce) script.nonce = tag.nonce;
    ((document.head as HTMLHeadElement | null) ?? document.documentElement).append(script);
  };

  const earlier = (window as Page).hindsight;
  const q: Stub['q'] = Array.isArray(earlier) ? (earlier as Stub['q']) : [];
  const stub: Record<string, unknown> & Stub = { q, o: options };
  const wait =
    (name: string) =>
    (...args: unknown[]) => {
      if (q.length < 1000) q.push([name, ...args]);
    };
  for (const name of NAMES) stub[name] = wait(name);
  stub['link'] = (url: string) => url;
  const consent: Hindsight['consent'] = (state) => {
    wait('consent')(state);
    if (state === true || state === 'granted') fetchRecorder();
  };
  stub['consent'] = consent;
  (window as Page).hindsight = stub;
  if (!required || hasConsent()) fetchRecorder();
}

const tag = (document.currentScript ??
  document.querySelector('script[src*="/sdk.js"]')) as HTMLScriptElement | null;
const known = (window as Page).hindsight;
const outer = around();
if (outer) (window as Page).hindsight = outer;
else if (tag?.src && (!known || Array.isArray(known))) load(tag);
else if (known) (known as { tags?: number }).tags = ((known as { tags?: number }).tags ?? 1) + 1;
