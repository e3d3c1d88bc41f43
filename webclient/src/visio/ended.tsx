// SPDX-License-Identifier: Apache-2.0
/** ended.tsx - the pages without a meeting: left, continued in another tab, refused, not possible here. */
import { useEffect, useRef, type ReactNode } from 'react';
import { hasKey, useLanguage, useT, type Language, type Translate } from '../i18n/i18n';
import type { Ending } from '../rtc/room_state';
import { LanguageButton } from '../ui/language_button';

export function Message(props: {
  title: string;
  text: string;
  home?: boolean;
  hook?: Record<string, string>;
  children?: ReactNode;
}): ReactNode {
  const t = useT();
  const heading = useRef<HTMLHeadingElement>(null);
  // The page changed under the reader: say where we are.
  useEffect(() => heading.current?.focus(), []);
  return (
    <div className="message-page">
      <header className="top">
        <span className="product">{t('product')}</span>
        <LanguageButton />
      </header>
      <main className="message" {...props.hook}>
        <h1 ref={heading} tabIndex={-1}>
          {props.title}
        </h1>
        <p>{props.text}</p>
        <div className="message-actions">
          {props.children}
          {props.home && (
            <a className="button" href="/">
              {t('refused.home')}
            </a>
          )}
        </div>
      </main>
    </div>
  );
}

export function localTime(iso: string, lang: Language): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  return new Intl.DateTimeFormat(lang, { dateStyle: 'long', timeStyle: 'short' }).format(time);
}

function reason(ending: Ending, t: Translate, lang: Language): string {
  if (ending.code === 'room_not_open' && ending.opens_at !== null)
    return t('refused.room_not_open_at', { time: localTime(ending.opens_at, lang) });
  const key = `refused.${ending.code}`;
  return hasKey(key) ? t(key) : t('refused.other', { code: ending.code });
}

/** These end a meeting that one was in, rather than keep one out of it. */
const ENDINGS = new Set(['room_closed', 'room_time_over', 'removed']);

export function Ended({ ending, onAgain }: { ending: Ending; onAgain: () => void }): ReactNode {
  const t = useT();
  const lang = useLanguage();
  const again = (label: string): ReactNode => (
    <button type="button" className="button primary" onClick={onAgain}>
      {label}
    </button>
  );
  if (ending.kind === 'left')
    return (
      <Message title={t('left.title')} text={t('left.text')} hook={{ 'data-testid': 'left-page' }}>
        {again(t('left.return'))}
      </Message>
    );
  if (ending.kind === 'replaced')
    return (
      <Message title={t('replaced.title')} text={t('replaced.text')} hook={{ 'data-testid': 'replaced' }}>
        {again(t('replaced.return'))}
      </Message>
    );
  const title = ENDINGS.has(ending.code) ? t('refused.ended_title') : t('refused.title');
  return (
    <Message
      title={title}
      text={reason(ending, t, lang)}
      home
      hook={{ 'data-testid': 'refused', 'data-code': ending.code }}
    >
      {ending.retry && again(t('refused.retry'))}
    </Message>
  );
}
