/**
 * Reads a recording without a picture: all its documents, and what services said about it.
 *
 * Bound: `MAX_ENTRIES`; what lies behind is told by `cut`, and its request is stopped.
 */
import { replayEvents } from '../api/calls';
import { jsonLines } from '../api/jsonLines';
import type { Manifest, Marker } from '../api/types';
import { inOrder } from './documents';
import { auditEntries, chapters, entryOf, type Chapter, type Entry, type Told } from './story';

export const MAX_ENTRIES = 5_000;

export interface Story {
  chapters: Chapter[];
  cut: boolean;
}

export async function readStory(manifest: Manifest, markers: Marker[]): Promise<Story> {
  const entries: Entry[] = [];
  for (const { tab } of inOrder(manifest)) {
    if (entries.length < MAX_ENTRIES) await read(manifest.session.session_id, tab, entries);
  }
  const cut = entries.length >= MAX_ENTRIES;
  return { chapters: chapters([...entries, ...auditEntries(markers)]), cut };
}

async function read(session: string, tab: string, entries: Entry[]): Promise<void> {
  const stop = new AbortController();
  const { body } = await replayEvents(session, { tab }, stop.signal);
  if (!body) return;
  for await (const event of jsonLines<Told>(body)) {
    const entry = entryOf(event);
    if (entry) entries.push(entry);
    if (entries.length < MAX_ENTRIES) continue;
    stop.abort();
    return;
  }
}
