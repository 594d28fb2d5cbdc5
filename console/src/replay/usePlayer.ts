/**
 * Playback of one session: rrweb's Replayer over one window of one document at a time, on the session's clock.
 * The Replayer rebuilds pages in an iframe with `sandbox="allow-same-origin"` and nothing else, so no script of a
 * recorded page runs. A window or document that ends hands over to the next; `seek` may cross both.
 * Every opening carries a ticket: an answer that comes after a newer seek is dropped.
 */
import type { eventWithTime } from '@rrweb/types';
import { Replayer } from 'rrweb';
import { computed, onScopeDispose, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import { aborted } from '../api/client';
import type { Manifest } from '../api/types';
import { documentAfter, documentAt } from './documents';
import { Recording, type Progress } from './recording';
import { planWindows, windowAt, type Window } from './windows';

export const SPEEDS = [0.5, 1, 2, 4, 8];
/** Fetch the next window when this much of the current one is left to play. */
const AHEAD_MS = 30_000;
const FULL_SNAPSHOT = 2;

export interface Player {
  offset_ms: Ref<number>;
  playing: Ref<boolean>;
  tab: Ref<string>;
  speed: Ref<number>;
  skipInactive: Ref<boolean>;
  /** Set while a window is loaded for showing. */
  progress: ShallowRef<(Progress & { total: number }) | null>;
  error: ShallowRef<unknown>;
  notice: Ref<'' | 'nothing' | 'noKeyframe'>;
  size: ShallowRef<{ width: number; height: number } | null>;
  ready: ComputedRef<boolean>;
  seek: (offset_ms: number, tab?: string | null) => Promise<void>;
  play: () => void;
  pause: () => void;
  setSpeed: (speed: number) => void;
  setSkipInactive: (skip: boolean) => void;
}

interface Shown {
  replayer: Replayer;
  tab: string;
  index: number;
  /** Unix milliseconds of the Replayer's zero. */
  base_ms: number;
  end_ms: number;
}

export function usePlayer(
  host: () => HTMLElement | null,
  manifest: Manifest,
  frameTitle: () => string,
): Player {
  const recording = new Recording(manifest.session.session_id);
  const plans = new Map<string, Window[]>();
  const offset_ms = ref(0);
  const playing = ref(false);
  const tab = ref('');
  const speed = ref(1);
  const skipInactive = ref(false);
  const progress = shallowRef<(Progress & { total: number }) | null>(null);
  const error = shallowRef<unknown>(null);
  const notice = ref<'' | 'nothing' | 'noKeyframe'>('');
  const size = shallowRef<{ width: number; height: number } | null>(null);
  const shown = shallowRef<Shown | null>(null);
  let ticket = 0;
  let tick = 0;

  function planOf(name: string): Window[] {
    let plan = plans.get(name);
    if (!plan) plans.set(name, (plan = planWindows(manifest, name)));
    return plan;
  }

  function drop(): void {
    shown.value?.replayer.destroy();
    shown.value = null;
    host()?.replaceChildren();
  }

  function build(events: eventWithTime[], name: string, index: number): void {
    const root = host();
    const first = events[0];
    const last = events.at(-1);
    if (!root || !first || !last || events.length < 2) {
      notice.value = 'nothing';
      return;
    }
    notice.value = events.some(({ type }) => (type as number) === FULL_SNAPSHOT) ? '' : 'noKeyframe';
    const replayer = new Replayer(events, {
      root,
      speed: speed.value,
      skipInactive: skipInactive.value,
      // A recorded focus must not pull the reader's focus out of the console.
      triggerFocus: false,
      showWarning: false,
      mouseTail: { duration: 500, lineWidth: 2, strokeStyle: '#0f6270' },
    });
    replayer.iframe.title = frameTitle();
    // The recorded page is looked at, not operated: keyboard and screen readers use the list of events.
    replayer.iframe.setAttribute('inert', '');
    replayer.on('resize', (dimension) => (size.value = dimension as { width: number; height: number }));
    replayer.on('finish', () => {
      if (shown.value?.replayer === replayer) void goOn();
    });
    shown.value = { replayer, tab: name, index, base_ms: first.timestamp, end_ms: last.timestamp };
  }

  async function open(name: string, index: number, mine: number): Promise<boolean> {
    const plan = planOf(name);
    const window = plan[index];
    if (!window) return false;
    const total = window.events;
    progress.value = { events: 0, bytes: 0, total };
    try {
      const events = await recording.window(name, window, plan.length === 1, (state) => {
        if (mine === ticket) progress.value = { ...state, total };
      });
      if (mine !== ticket) return false;
      drop();
      tab.value = name;
      build(events, name, index);
    } catch (cause) {
      if (mine === ticket && !aborted(cause)) error.value = cause;
      return false;
    } finally {
      if (mine === ticket) progress.value = null;
    }
    return true;
  }

  async function seek(to_ms: number, wanted?: string | null): Promise<void> {
    const mine = (ticket += 1);
    const bounded = Math.min(Math.max(0, to_ms), manifest.duration_ms);
    const at_ms = manifest.started_at_ms + bounded;
    const name = documentAt(manifest, at_ms, wanted ?? tab.value);
    offset_ms.value = bounded;
    error.value = null;
    progress.value = null;
    if (name === null) {
      notice.value = 'nothing';
      return;
    }
    const index = windowAt(planOf(name), at_ms);
    const there = shown.value?.tab === name && shown.value.index === index;
    if (there || (await open(name, index, mine))) show(at_ms);
  }

  function show(at_ms: number): void {
    const now = shown.value;
    if (!now) return;
    const into = Math.min(Math.max(0, at_ms - now.base_ms), Math.max(0, now.end_ms - now.base_ms));
    if (playing.value) {
      now.replayer.play(into);
      follow();
    } else now.replayer.pause(into);
  }

  /** The window ended: its successor, or the document opened after it, or the end. */
  async function goOn(): Promise<void> {
    const ended = shown.value;
    if (!ended || !playing.value) return;
    const plan = planOf(ended.tab);
    const next = plan[ended.index + 1];
    const document = next ? null : documentAfter(manifest, ended.tab);
    const target = next?.from_ms ?? document?.from_ms;
    if (target === undefined) {
      playing.value = false;
      return;
    }
    await seek(target - manifest.started_at_ms, document?.tab ?? ended.tab);
  }

  function ahead(now: Shown): void {
    const plan = planOf(now.tab);
    const current = plan[now.index];
    const next = plan[now.index + 1];
    if (!current || !next) return;
    if (current.to_ms - manifest.started_at_ms - offset_ms.value > AHEAD_MS * speed.value) return;
    // A failure shows when the window is opened; here it only costs the head start.
    recording.window(now.tab, next, false).catch(() => undefined);
  }

  function follow(): void {
    cancelAnimationFrame(tick);
    const step = (): void => {
      const now = shown.value;
      if (!playing.value || !now) return;
      offset_ms.value = now.base_ms + now.replayer.getCurrentTime() - manifest.started_at_ms;
      ahead(now);
      tick = requestAnimationFrame(step);
    };
    tick = requestAnimationFrame(step);
  }

  function play(): void {
    playing.value = true;
    void seek(offset_ms.value >= manifest.duration_ms ? 0 : offset_ms.value);
  }

  function pause(): void {
    playing.value = false;
    cancelAnimationFrame(tick);
    shown.value?.replayer.pause();
  }

  onScopeDispose(() => {
    ticket += 1;
    playing.value = false;
    cancelAnimationFrame(tick);
    recording.dispose();
    drop();
  });

  return {
    offset_ms,
    playing,
    tab,
    speed,
    skipInactive,
    progress,
    error,
    notice,
    size,
    ready: computed(() => shown.value !== null),
    seek,
    play,
    pause,
    setSpeed(value) {
      speed.value = value;
      shown.value?.replayer.setConfig({ speed: value });
    },
    setSkipInactive(skip) {
      skipInactive.value = skip;
      shown.value?.replayer.setConfig({ skipInactive: skip });
    },
  };
}
