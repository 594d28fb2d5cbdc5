/**
 * Recorded events of one window, fetched and made safe. At most two windows are held (`HELD`): the one that plays and
 * the one fetched ahead; a third drops the oldest and stops its request.
 */
import type { eventWithTime } from '@rrweb/types';
import { replayEvents } from '../api/calls';
import { jsonLines } from '../api/jsonLines';
import { defuse } from './defuse';
import type { Window } from './windows';

const HELD = 2;

export interface Progress {
  events: number;
  bytes: number;
}

interface Fetching {
  key: string;
  events: Promise<eventWithTime[]>;
  stop: AbortController;
}

export class Recording {
  private held: Fetching[] = [];

  constructor(private readonly session: string) {}

  /** The window's events; `onProgress` is told while a fresh request streams. */
  window(
    tab: string,
    window: Window,
    whole: boolean,
    onProgress?: (progress: Progress) => void,
  ): Promise<eventWithTime[]> {
    const key = `${tab} ${String(window.from_ms)}`;
    const found = this.held.find((each) => each.key === key);
    if (found) return found.events;
    const stop = new AbortController();
    const events = this.fetchEvents(tab, whole ? null : window, stop.signal, onProgress);
    this.held.push({ key, events, stop });
    // A failed request is not held, so that trying again asks again.
    events.catch(() => (this.held = this.held.filter((each) => each.stop !== stop)));
    while (this.held.length > HELD) this.held.shift()?.stop.abort();
    return events;
  }

  dispose(): void {
    for (const each of this.held) each.stop.abort();
    this.held = [];
  }

  private async fetchEvents(
    tab: string,
    window: Window | null,
    signal: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<eventWithTime[]> {
    const range = window ? { from_ms: window.from_ms, to_ms: window.to_ms } : {};
    const response = await replayEvents(this.session, { tab, ...range }, signal);
    if (!response.body) return [];
    const events: eventWithTime[] = [];
    const progress = { events: 0, bytes: 0 };
    const lines = jsonLines<eventWithTime>(response.body, (bytes) => {
      progress.bytes += bytes;
      onProgress?.({ ...progress });
    });
    for await (const event of lines) {
      events.push(defuse(event));
      progress.events = events.length;
    }
    return events;
  }
}
