/**
 * A list that grows page by page. A new question aborts the one under way, so an answer never lands in another
 * question's list. At most `MAX_ITEMS` are held; beyond it the reader should narrow the question.
 */
import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import { aborted, type Query } from './client';
import type { Page } from './types';

export const MAX_ITEMS = 5000;

export interface List<T, P extends Page<T>> {
  items: ShallowRef<T[]>;
  page: ShallowRef<P | null>;
  loading: Ref<boolean>;
  error: ShallowRef<unknown>;
  ask: (query: Query) => Promise<void>;
  more: () => Promise<void>;
}

export function useList<T, P extends Page<T>>(
  call: (query: Query, signal: AbortSignal) => Promise<P>,
): List<T, P> {
  const items = shallowRef<T[]>([]);
  const page: ShallowRef<P | null> = shallowRef(null);
  const loading = ref(false);
  const error = shallowRef<unknown>(null);
  let asked: Query = {};
  let running = new AbortController();

  async function fetchPage(query: Query, before: T[]): Promise<void> {
    running.abort();
    const mine = (running = new AbortController());
    loading.value = true;
    error.value = null;
    try {
      const answer = await call(query, mine.signal);
      items.value = [...before, ...answer.items];
      page.value = answer;
    } catch (cause) {
      if (!aborted(cause)) error.value = cause;
    } finally {
      if (mine === running) loading.value = false;
    }
  }

  onScopeDispose(() => {
    running.abort();
  });

  return {
    items,
    page,
    loading,
    error,
    ask(query) {
      asked = query;
      items.value = [];
      page.value = null;
      return fetchPage(query, []);
    },
    async more() {
      const cursor = page.value?.next;
      if (cursor && items.value.length < MAX_ITEMS) await fetchPage({ ...asked, cursor }, items.value);
    },
  };
}
