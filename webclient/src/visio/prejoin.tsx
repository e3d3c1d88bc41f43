// SPDX-License-Identifier: Apache-2.0
/** prejoin.tsx - name, picture and sound before one is seen and heard. */
import { useRef, useState, type FormEvent, type ReactNode } from 'react';
import { useT } from '../i18n/i18n';
import { isOn, type LocalMedia } from '../rtc/media';
import { preference } from '../rtc/storage';
import { Icon } from '../ui/icons';
import { LanguageButton } from '../ui/language_button';
import { useStore } from '../ui/use_store';
import { DeviceChoices, DeviceProblems } from './devices';
import { TrackVideo } from './media_view';

/** The server takes 1 to 80 characters without control characters. */
export function cleanName(text: string): string | null {
  const name = text.replace(/\p{Cc}+/gu, ' ').trim();
  return name.length > 0 && [...name].length <= 80 ? name : null;
}

function Preview({ media }: { media: LocalMedia }): ReactNode {
  const t = useT();
  const { camera, mic } = useStore(media);
  const cameraOn = isOn(camera);
  const micOn = isOn(mic);
  return (
    <div className="preview-column">
      <div className="preview" data-testid="prejoin-preview" role="img" aria-label={t('prejoin.preview')}>
        {camera.track ? (
          <TrackVideo track={camera.track} mirrored />
        ) : (
          <span className="preview-off">{t(camera.busy ? 'prejoin.camera_opening' : 'prejoin.camera_off')}</span>
        )}
      </div>
      <div className="preview-controls">
        <button type="button" className="control" data-off={!cameraOn} onClick={() => void media.setCamera(!cameraOn)}>
          <Icon name={cameraOn ? 'camera' : 'cameraOff'} />
          {t(cameraOn ? 'control.camera_off' : 'control.camera_on')}
        </button>
        <button type="button" className="control" data-off={!micOn} onClick={() => void media.setMic(!micOn)}>
          <Icon name={micOn ? 'mic' : 'micOff'} />
          {t(micOn ? 'control.mic_off' : 'control.mic_on')}
        </button>
      </div>
    </div>
  );
}

function NameForm({ onJoin }: { onJoin: (name: string) => void }): ReactNode {
  const t = useT();
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const name = cleanName(input.current?.value ?? '');
    setError(name === null);
    if (name === null) input.current?.focus();
    else onJoin(name);
  };
  return (
    <form className="name-form" onSubmit={submit} noValidate>
      <div className="field">
        <label htmlFor="name">{t('prejoin.name')}</label>
        <p className="hint" id="name-hint">
          {t('prejoin.name_hint')}
        </p>
        <input
          id="name"
          ref={input}
          type="text"
          autoComplete="name"
          maxLength={120}
          defaultValue={preference('name') ?? ''}
          aria-describedby={error ? 'name-error name-hint' : 'name-hint'}
          aria-invalid={error}
          data-testid="prejoin-name"
        />
        {error && (
          <p className="error" id="name-error" role="alert">
            <Icon name="warning" size={20} /> {t('prejoin.name_error')}
          </p>
        )}
      </div>
      <button type="submit" className="button primary" data-testid="prejoin-join">
        {t('prejoin.join')}
      </button>
    </form>
  );
}

export function Prejoin(props: { room: string; media: LocalMedia; onJoin: (name: string) => void }): ReactNode {
  const t = useT();
  const { camera, mic } = useStore(props.media);
  const without = (camera.on && camera.problem !== null) || (mic.on && mic.problem !== null);
  return (
    <div className="prejoin-page">
      <header className="top">
        <span className="product">{t('product')}</span>
        <LanguageButton />
      </header>
      <main className="prejoin">
        <Preview media={props.media} />
        <div className="prejoin-column">
          <h1>{t('prejoin.title')}</h1>
          <p className="room-name">{t('prejoin.room', { room: props.room })}</p>
          <NameForm onJoin={props.onJoin} />
          {without && <p className="hint">{t('prejoin.without')}</p>}
          <DeviceProblems media={props.media} />
          <section aria-labelledby="devices-heading">
            <h2 id="devices-heading">{t('prejoin.devices')}</h2>
            <DeviceChoices media={props.media} />
          </section>
        </div>
      </main>
    </div>
  );
}
