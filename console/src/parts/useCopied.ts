/** Copies a text and says so for a moment. Without a clipboard (a page over plain http) the text is there to be marked. */
import { ref, type Ref } from 'vue';

const SHOWN_MS = 2000;

export function useCopied(text: () => string): { copied: Ref<boolean>; copy: () => Promise<void> } {
  const copied = ref(false);
  return {
    copied,
    async copy() {
      await navigator.clipboard.writeText(text());
      copied.value = true;
      setTimeout(() => (copied.value = false), SHOWN_MS);
    },
  };
}
