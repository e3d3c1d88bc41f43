// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import en from './en.json';
import fr from './fr.json';
import { language, setLanguage, translate } from './i18n';

const holes = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

describe('B39 French and English', () => {
  it('have the same keys', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(fr).sort());
  });

  it('have the same values to fill in, and no empty text', () => {
    for (const key of Object.keys(fr) as (keyof typeof fr)[]) {
      expect(holes(en[key]), key).toEqual(holes(fr[key]));
      expect(fr[key].trim(), key).not.toBe('');
      expect(en[key].trim(), key).not.toBe('');
    }
  });

  it('start in French, fill in values and remember the choice', () => {
    expect(language.get()).toBe('fr');
    expect(translate('fr', 'meeting.joined', { name: 'Dr $& A' })).toBe('Dr $& A a rejoint la réunion.');
    setLanguage('en');
    expect(document.documentElement.lang).toBe('en');
    expect(localStorage.getItem('consilium.lang')).toBe('en');
    setLanguage('fr');
  });

  it('are where all words are: components hold no literal text', () => {
    const root = join(import.meta.dirname, '..');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tsx'));
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      const source = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      // Text between tags: a letter right after `>` at the end of a tag, up to the next `<`.
      expect(source.match(/<\/?[A-Za-z][^<>{}=]*>\s*[A-Za-zÀ-ÿ][^<>{};=()]*<\//g) ?? [], file).toEqual([]);
      expect(source.match(/(aria-label|title|placeholder|alt)="[^"]*"/g) ?? [], file).toEqual([]);
    }
  });
});
