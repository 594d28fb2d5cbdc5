/** One thing loaded by a key: its value, or why not. A key that changes meanwhile wins over the older answer. */
import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue';

export interface One<T> {
  value: ShallowRef<T | null>;
  loading: Ref<boolean>;
  error: ShallowRef<unknown>;
  reload: () => Promise<void>;
}

export function useOne<T>(key: () => string, call: () => Promise<T>): One<T> {
  const value = shallowRef<T | null>(null);
  const loading = ref(true);
  const error = shallowRef<unknown>(null);

  async function reload(): Promise<void> {
    const asked = key();
    loading.value = true;
    error.value = null;
    value.value = null;
    try {
      const answer = await call();
      if (asked === key()) value.value = answer;
    } catch (cause) {
      if (asked === key()) error.value = cause;
    } finally {
      if (asked === key()) loading.value = false;
    }
  }

  watch(key, reload, { immediate: true });
  return { value, loading, error, reload };
}
