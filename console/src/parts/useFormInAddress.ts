/**
 * A form whose values stand in the page's address, so that a search can be linked to, reloaded and gone back to. Only
 * `search` writes the address; what is asked always comes from it.
 */
import { reactive, watch } from 'vue';
import { useRoute, useRouter, type LocationQuery, type LocationQueryRaw } from 'vue-router';

interface FormInAddress<F> {
  form: F;
  /** Puts the form into the address and asks; asks again where the address already says so. */
  search: () => Promise<void>;
  /** Asks what the address says. */
  load: () => void;
}

export function useFormInAddress<F extends object>(options: {
  /** The route's name: an address of another page isn't this form's. */
  page: string;
  read: (query: LocationQuery) => F;
  write: (form: F) => LocationQueryRaw;
  ask: (form: F) => unknown;
}): FormInAddress<F> {
  const route = useRoute();
  const router = useRouter();
  const form = reactive(options.read(route.query)) as F;

  function load(): void {
    options.ask(options.read(route.query));
  }

  async function search(): Promise<void> {
    const before = route.fullPath;
    await router.push({ query: options.write(form) });
    if (before === route.fullPath) load();
  }

  watch(
    () => route.query,
    (query) => {
      if (route.name !== options.page) return;
      Object.assign(form, options.read(query));
      load();
    },
    { immediate: true },
  );

  return { form, search, load };
}
