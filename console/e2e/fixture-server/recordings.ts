/** Recordings of a corpus folder as sessions of the contract: each file is one document of one session. */
import { decompress } from 'fzstd';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame, Manifest, Marker, SessionFacts } from '../../src/api/types';

interface RecorderEvent {
  type: number;
  timestamp: number;
  data: { source?: number; type?: number; href?: string; tag?: string; payload?: { href?: string } };
}

export interface Recorded {
  facts: SessionFacts;
  manifest: Manifest;
  markers: Marker[];
  lines: string[];
  times: number[];
  keyframes: number[];
}

/** `FILES=1000` serves the whole folder; unpacked recordings are held in memory. */
const MAX_FILES = Number(process.env['FILES'] ?? 4);

function read(folder: string, name: string, at: number): Recorded {
  const lines = Buffer.from(decompress(readFileSync(join(folder, name))))
    .toString('utf8')
    .split('\n')
    .filter(Boolean);
  const events = lines.map((line) => JSON.parse(line) as RecorderEvent);
  const times = events.map(({ timestamp }) => timestamp);
  const start = times[0] ?? 0;
  const end = times.at(-1) ?? start;
  const tab = `w1_${String(at).padStart(16, '0')}`;
  const keyframes = events.flatMap((event, index) => (event.type === 4 ? [index] : []));
  const markers = events.flatMap((event, index) => mark(event, index, start, tab));
  const facts: SessionFacts = {
    session_id: `01935000-0000-7000-8000-${String(at).padStart(12, '0')}`,
    project: 'demo',
    started_at: new Date(start).toISOString(),
    last_at: new Date(end).toISOString(),
    duration_ms: end - start,
    user_id: `u-${String(at + 1)}`,
    user_name: ['li', 'wang', null, 'zhao'][at % 4] ?? null,
    references: at < 2 ? [{ type: 'order', id: 'O-1001', by: 'page' }] : [],
    entry_url: events.find(({ type }) => type === 4)?.data.href ?? '',
    tabs: 1,
    events: events.length,
    clicks: markers.filter(({ kind }) => kind === 'click').length,
    errors: at === 1 ? 2 : 0,
    browser: 'Chrome 141',
    os: 'Linux',
    state: (['complete', 'stored', 'receiving', 'damaged'] as const)[at % 4] ?? 'complete',
  };
  const gaps =
    at === 3
      ? [
          {
            tab,
            from_ms: start + 20_000,
            to_ms: start + 32_000,
            seq_from: 3,
            seq_to: 4,
            reason: 'missing_batches',
          },
        ]
      : [];
  const manifest: Manifest = {
    session: facts,
    tabs: [{ tab, from_ms: start, to_ms: end, events: events.length }],
    frames: framesOf(events, keyframes, end, tab, at === 3 ? LARGE : 0),
    gaps,
    conflicts: [],
    inactive: [{ from_ms: start + 60_000, to_ms: start + 75_000 }],
    state: facts.state,
    started_at_ms: start,
    duration_ms: end - start,
  };
  return { facts, manifest, markers, lines, times, keyframes };
}

/** The fourth recording says that its frames are large, so that it is played window by window. */
const LARGE = 40_000_000;

function framesOf(
  events: RecorderEvent[],
  keyframes: number[],
  end: number,
  tab: string,
  raw_bytes: number,
): Frame[] {
  return keyframes.map((index, frame) => {
    const next = keyframes[frame + 1] ?? events.length;
    const from_ms = events[index]?.timestamp ?? end;
    return {
      frame,
      tab,
      from_ms,
      to_ms: events[next - 1]?.timestamp ?? end,
      keyframe: true,
      raw_bytes,
      events: next - index,
    };
  });
}

function mark(event: RecorderEvent, index: number, start: number, tab: string): Marker[] {
  const base = { at_ms: event.timestamp, offset_ms: event.timestamp - start, tab, index };
  if (event.type === 4)
    return [{ ...base, kind: 'page', label: event.data.href ?? '', url: event.data.href ?? '' }];
  if (event.type === 3 && event.data.source === 2 && event.data.type === 2)
    return [{ ...base, kind: 'click', label: 'click' }];
  if (event.type === 3 && event.data.source === 5) return [{ ...base, kind: 'input', label: 'input' }];
  return [];
}

export function recordings(folder: string): Recorded[] {
  const preferred = ['shop-1', 'spa-todomvc-1', 'reading-docs-1', 'admin-gentelella-1'].map(
    (name) => `${name}.jsonl.zst`,
  );
  const present = readdirSync(folder).filter((name) => name.endsWith('.jsonl.zst'));
  const chosen = [
    ...preferred.filter((name) => present.includes(name)),
    ...present.filter((name) => !preferred.includes(name)),
  ];
  return chosen.slice(0, MAX_FILES).map((name, at) => read(folder, name, at));
}
