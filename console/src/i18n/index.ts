/** Language: the remembered choice, else the browser's first that we have. The choice also goes to the server. */
import { computed, watch } from 'vue';
import { createI18n } from 'vue-i18n';
import { setLanguage } from '../api/client';
import enUS from './en-US';
import zhCN from './zh-CN';

export const LANGUAGES = { 'zh-CN': '中文', 'en-US': 'English' } as const;
export type Language = keyof typeof LANGUAGES;

const REMEMBERED = 'hindsight.language';

function isLanguage(tag: string | null): tag is Language {
  return tag !== null && tag in LANGUAGES;
}

function initial(): Language {
  const remembered = localStorage.getItem(REMEMBERED);
  if (isLanguage(remembered)) return remembered;
  for (const tag of navigator.languages) {
    if (tag.startsWith('zh')) return 'zh-CN';
    if (tag.startsWith('en')) return 'en-US';
  }
  return 'en-US';
}

export const i18n = createI18n({
  legacy: false,
  locale: initial(),
  fallbackLocale: 'en-US',
  messages: { 'en-US': enUS, 'zh-CN': zhCN },
});

export const language = computed<Language>({
  get: () => i18n.global.locale.value as Language,
  set: (tag) => {
    i18n.global.locale.value = tag;
    localStorage.setItem(REMEMBERED, tag);
  },
});

watch(
  language,
  (tag) => {
    document.documentElement.lang = tag;
    setLanguage(tag);
  },
  { immediate: true },
);
