/**
 * Asks every two seconds what became of the last calls, while the page is looked at; ends with it. A visit that was
 * received is told as playable once the server lists it.
 */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import { keys, session } from '../api/calls';
import { ApiError } from '../api/client';
import type { KeyList } from '../api/types';
import { arrival, baseline, type Arrival, type Baseline } from './arrival';

const EVERY_MS = 2000;

export interface Arrivals {
  list: ShallowRef<KeyList | null>;
  told: ShallowRef<Arrival | null>;
  /** The visit that can be played now. */
  playable: Ref<string>;
  error: ShallowRef<unknown>;
}

async function isListed(id: string): Promise<boolean> {
  try {
    await session(id);
    return true;
  } catch (cause) {
    if (cause instanceof ApiError && cause.status === 404) return false;
    throw cause;
  }
}

export function useArrivals(): Arrivals {
  const list = shallowRef<KeyList | null>(null);
  const told = shallowRef<Arrival | null>(null);
  const playable = ref('');
  const error = shallowRef<unknown>(null);
  let before: Baseline | null = null;
  let timer = 0;

  async function look(): Promise<void> {
    const answer = await keys();
    before ??= baseline(answer);
    list.value = answer;
    told.value = arrival(answer, before);
    const id = told.value.accepted?.session_id;
    if (told.value.state === 'received' && id && id !== playable.value && (await isListed(id)))
      playable.value = id;
    error.value = null;
  }

  async function tick(): Promise<void> {
    try {
      if (!document.hidden || !list.value) await look();
    } catch (cause) {
      error.value = cause;
    }
    if (timer >= 0) timer = window.setTimeout(() => void tick(), EVERY_MS);
  }

  void tick();
  onScopeDispose(() => {
    clearTimeout(timer);
    timer = -1;
  });
  return { list, told, playable, error };
}
