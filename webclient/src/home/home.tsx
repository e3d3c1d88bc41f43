// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react';
import { useT } from '../i18n/i18n';
import { ROOM_NAME } from '../rtc/protocol';
import { visioSettings, type VisioSettings } from '../rtc/tickets';
import { LanguageButton } from '../ui/language_button';

/** What people type, made into what the server accepts: « RCP Thorax » is the room rcp-thorax. */
export function roomFromInput(text: string): string | null {
  const room = text
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .trim()
    .toLowerCase()
    .replace(/[\s_]+/g, '-');
  return ROOM_NAME.test(room) ? room : null;
}

function RoomForm(): ReactNode {
  const t = useT();
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const room = roomFromInput(input.current?.value ?? '');
    setError(room === null);
    if (room === null) input.current?.focus();
    else window.location.assign(`/visio/${room}`);
  };
  return (
    <form onSubmit={submit} noValidate>
      <label htmlFor="room">{t('home.room_label')}</label>
      <p className="hint" id="room-hint">
        {t('home.room_hint')}
      </p>
      <input
        id="room"
        ref={input}
        type="text"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={64}
        aria-describedby={error ? 'room-error room-hint' : 'room-hint'}
        aria-invalid={error}
      />
      {error && (
        <p className="error" id="room-error" role="alert">
          {t('home.room_error')}
        </p>
      )}
      <button type="submit" className="primary">
        {t('home.enter')}
      </button>
    </form>
  );
}

export function Home(): ReactNode {
  const t = useT();
  const [settings, setSettings] = useState<VisioSettings | null | 'loading'>('loading');
  useEffect(() => {
    void visioSettings().then(setSettings);
  }, []);
  return (
    <>
      <header>
        <span className="product">{t('product')}</span>
        <LanguageButton />
      </header>
      <main>
        <h1>{t('home.title')}</h1>
        {settings === 'loading' && <p>{t('home.loading')}</p>}
        {settings === null && <p role="alert">{t('home.unreachable')}</p>}
        {settings !== null && settings !== 'loading' && (settings.open_rooms ? <RoomForm /> : <p>{t('home.closed')}</p>)}
      </main>
      {settings !== null && settings !== 'loading' && settings.version !== '' && (
        <footer>{t('home.version', { version: settings.version })}</footer>
      )}
    </>
  );
}
