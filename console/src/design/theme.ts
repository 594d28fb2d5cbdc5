/** Light or dark: the remembered choice, else the system's, followed while nothing was chosen. */
import { ref, watch } from 'vue';

const REMEMBERED = 'hindsight.theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const remembered = localStorage.getItem(REMEMBERED);

export const dark = ref(remembered ? remembered === 'dark' : system.matches);

system.addEventListener('change', ({ matches }) => {
  if (!localStorage.getItem(REMEMBERED)) dark.value = matches;
});

export function chooseDark(choice: boolean): void {
  localStorage.setItem(REMEMBERED, choice ? 'dark' : 'light');
  dark.value = choice;
}

watch(
  dark,
  (on) => {
    document.documentElement.classList.toggle('dark', on);
  },
  { immediate: true },
);
