// SPDX-License-Identifier: Apache-2.0
/**
 * i18n.ts - the words of the pages. French unless the person chose otherwise; a third language is one more file
 * in `languages`. {name} in a text is replaced by the value of that name.
 */
import { useSyncExternalStore } from 'react';
import { preference, setPreference } from '../rtc/storage';
import { Store } from '../rtc/store';
import en from './en.json';
import fr from './fr.json';

export type Key = keyof typeof fr;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

const languages = { fr, en } satisfies Record<string, Record<Key, string>>;
export type Language = keyof typeof languages;

function known(value: string | null): value is Language {
  return value !== null && Object.hasOwn(languages, value);
}

function initial(): Language {
  const asked = new URLSearchParams(window.location.search).get('lang');
  if (known(asked)) return asked;
  const chosen = preference('lang');
  return known(chosen) ? chosen : 'fr';
}

export const language = new Store<Language>(initial());
document.documentElement.lang = language.get();

export function setLanguage(next: Language): void {
  setPreference('lang', next);
  document.documentElement.lang = next;
  language.set(next);
}

export function translate(lang: Language, key: Key, values: Record<string, string | number> = {}): string {
  return languages[lang][key].replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? String(values[name]) : whole,
  );
}

export function hasKey(key: string): key is Key {
  return Object.hasOwn(fr, key);
}

const translators: Record<Language, Translate> = {
  fr: (key, values) => translate('fr', key, values),
  en: (key, values) => translate('en', key, values),
};

export function useLanguage(): Language {
  return useSyncExternalStore(language.subscribe, language.get);
}

export function useT(): Translate {
  return translators[useLanguage()];
}
