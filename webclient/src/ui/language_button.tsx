// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react';
import { setLanguage, useLanguage, useT } from '../i18n/i18n';

/** Names the other language in that language, as people look for it. */
export function LanguageButton(): ReactNode {
  const t = useT();
  const other = useLanguage() === 'fr' ? 'en' : 'fr';
  return (
    <button type="button" className="quiet" lang={other} onClick={() => setLanguage(other)}>
      {t('language.switch')}
    </button>
  );
}
