/**
 * A recording without a picture as a list of what happened: of mini-programs, and of pages recorded at a level without
 * page structure. Pure; what an event lacks is left out of its text.
 *
 * rrweb's own clicks and inputs stand beside a fact that says what was hit, and aren't listed a second time.
 */
import type { Manifest, Marker } from '../api/types';
import type { Kind } from './timeline';

/** An event as recorders send it, as far as it is read here. */
export interface Told {
  type: number;
  timestamp: number;
  data?: { tag?: unknown; payload?: unknown; href?: unknown } | null;
}

export interface Entry {
  at_ms: number;
  kind: Kind;
  /** What it is called: a key under `replay.story`, or a tag as it came. */
  name: string;
  text: string;
  /** Of a request. */
  status?: number;
  duration_ms?: number;
  audit_id?: string;
}

type Payload = Record<string, unknown>;

const CUSTOM = 5;
const META = 4;
const PREFIX = 'hindsight.';

/** Whether there is a keyframe to play from; of a session whose frames aren't there yet nobody knows. */
export const hasPicture = ({ frames }: Manifest): boolean =>
  !frames?.length || frames.some(({ keyframe }) => keyframe);

const said = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

const both = (...parts: unknown[]): string => parts.map(said).filter(Boolean).join(' · ');

/** Properties as they came; an empty object says nothing. */
const properties = (value: unknown): string => {
  const text = value === undefined ? '' : JSON.stringify(value);
  return text === '{}' ? '' : text;
};

const KINDS = new Set<string>(['page', 'click', 'input', 'error', 'gap']);

const kindOf = (name: string): Kind => (KINDS.has(name) ? (name as Kind) : 'other');

const TEXTS: Record<string, (payload: Payload) => string> = {
  start: ({ source, release, screen, language, sdk }) => both(source, release, screen, language, sdk),
  page: ({ title, url }) => both(title, url),
  click: ({ text, selector }) => both(text, selector),
  input: ({ selector }) => said(selector),
  network: ({ method, url }) => `${said(method)} ${said(url)}`.trim(),
  error: ({ message }) => said(message),
  console: ({ level, message }) => both(level, message),
  identify: ({ user_name, user_id }) => both(user_name, user_id),
  reference: ({ type, id }) => `${said(type)}:${said(id)}`,
  track: ({ name, properties: more }) => both(name, properties(more)),
  confirm: ({ item }) => said(item),
  vital: ({ name, value }) => `${said(name)} ${said(value)}`,
  gap: ({ reason }) => said(reason),
  end: ({ reason }) => said(reason),
};

/** The entry of one event, if it is one that people want to read. */
export function entryOf(event: Told): Entry | null {
  const at_ms = event.timestamp;
  if (event.type === META) return { at_ms, kind: 'page', name: 'page', text: said(event.data?.href) };
  const tag = event.data?.tag;
  if (event.type !== CUSTOM || typeof tag !== 'string') return null;
  const payload = (event.data?.payload ?? {}) as Payload;
  const name = tag.startsWith(PREFIX) ? tag.slice(PREFIX.length) : tag;
  const text = Object.hasOwn(TEXTS, name) ? TEXTS[name]?.(payload) : properties(payload);
  const entry: Entry = { at_ms, kind: kindOf(name), name, text: text ?? '' };
  if (name !== 'network') return entry;
  const { status, duration_ms } = payload;
  if (typeof status === 'number') {
    entry.status = status;
    if (status === 0 || status >= 400) entry.kind = 'error';
  }
  if (typeof duration_ms === 'number') entry.duration_ms = duration_ms;
  return entry;
}

/** What services said about the session, from its markers: the recording doesn't have it. */
export function auditEntries(markers: Marker[]): Entry[] {
  return markers
    .filter(({ audit_id }) => audit_id)
    .map(({ at_ms, label, audit_id }) => ({
      at_ms,
      kind: 'audit' as const,
      name: 'audit',
      text: label ?? '',
      audit_id: audit_id ?? '',
    }));
}

export interface Chapter {
  /** The page that was shown; empty before the first. */
  page: Entry | null;
  entries: Entry[];
}

/** By time, a chapter for each page. */
export function chapters(entries: Entry[]): Chapter[] {
  const found: Chapter[] = [];
  for (const entry of [...entries].sort((one, other) => one.at_ms - other.at_ms)) {
    const open = found.at(-1);
    if (entry.kind === 'page') found.push({ page: entry, entries: [] });
    else if (open) open.entries.push(entry);
    else found.push({ page: null, entries: [entry] });
  }
  return found;
}
