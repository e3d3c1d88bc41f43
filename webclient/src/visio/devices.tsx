// SPDX-License-Identifier: Apache-2.0
/** devices.tsx - choice of camera, microphone and speaker, microphone meter, and what to do about refusals. */
import { useEffect, useId, useRef, type ReactNode } from 'react';
import { useT, type Key } from '../i18n/i18n';
import { LevelMeter } from '../rtc/levels';
import { canChooseSpeaker, type DeviceKind, type LocalMedia } from '../rtc/media';
import { Icon } from '../ui/icons';
import { useStore } from '../ui/use_store';

function DeviceSelect({ media, kind }: { media: LocalMedia; kind: DeviceKind }): ReactNode {
  const t = useT();
  const id = useId();
  const state = useStore(media);
  const choices = state.devices[kind];
  const live = kind === 'speaker' ? state.speaker : state[kind].track?.getSettings().deviceId;
  const wanted = kind === 'speaker' ? state.speaker : state[kind].selected;
  const shown = [live, wanted].find((value) => choices.some((choice) => choice.id === value)) ?? '';
  return (
    <div className="field">
      <label htmlFor={id}>{t(`device.${kind}`)}</label>
      <select
        id={id}
        value={shown}
        disabled={choices.length === 0}
        onChange={(event) => void media.select(kind, event.target.value)}
      >
        {choices.length === 0 && <option value="">{t('device.none')}</option>}
        {choices.length > 0 && shown === '' && <option value="">{t('device.default')}</option>}
        {choices.map((choice, index) => (
          <option key={choice.id} value={choice.id}>
            {choice.label || t('device.unnamed', { n: index + 1 })}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Drawn without React: ten updates a second are nobody else's business. */
export function MicMeter({ track }: { track: MediaStreamTrack | null }): ReactNode {
  const t = useT();
  const element = useRef<HTMLMeterElement>(null);
  useEffect(() => {
    const bar = element.current;
    if (!track || !bar) return undefined;
    const meter = new LevelMeter(track, (level) => {
      bar.value = level;
    });
    return () => {
      meter.close();
      bar.value = 0;
    };
  }, [track]);
  return <meter ref={element} className="meter" data-testid="mic-meter" aria-label={t('device.mic_level')} min={0} max={1} />;
}

export function DeviceChoices({ media }: { media: LocalMedia }): ReactNode {
  const { mic } = useStore(media);
  return (
    <div className="devices">
      <DeviceSelect media={media} kind="camera" />
      <DeviceSelect media={media} kind="mic" />
      <MicMeter track={mic.on ? mic.track : null} />
      {canChooseSpeaker() && <DeviceSelect media={media} kind="speaker" />}
    </div>
  );
}

const BROWSERS = ['chrome', 'firefox', 'safari'] as const;
type Browser = (typeof BROWSERS)[number];

export function browserOf(userAgent: string): Browser {
  if (/Firefox\/|FxiOS/.test(userAgent)) return 'firefox';
  if (/Chrom(e|ium)\/|CriOS|Edg/.test(userAgent)) return 'chrome';
  return /Safari\//.test(userAgent) ? 'safari' : 'chrome';
}

function Steps({ browser }: { browser: Browser }): ReactNode {
  const t = useT();
  return (
    <>
      <h3>{t(`permission.${browser}.name`)}</h3>
      <ol>
        <li>{t(`permission.${browser}.1`)}</li>
        <li>{t(`permission.${browser}.2`)}</li>
        <li>{t(`permission.${browser}.3`)}</li>
      </ol>
    </>
  );
}

function PermissionHelp(): ReactNode {
  const t = useT();
  const mine = browserOf(navigator.userAgent);
  return (
    <div className="permission-help">
      <h2>{t('permission.title')}</h2>
      <Steps browser={mine} />
      <details>
        <summary>{t('permission.others')}</summary>
        {BROWSERS.filter((browser) => browser !== mine).map((browser) => (
          <Steps key={browser} browser={browser} />
        ))}
      </details>
    </div>
  );
}

/** What keeps camera or microphone away, with what to do; nothing when all is well. */
export function DeviceProblems({ media }: { media: LocalMedia }): ReactNode {
  const t = useT();
  const state = useStore(media);
  const kinds = (['camera', 'mic'] as const).filter((kind) => state[kind].on && state[kind].problem !== null);
  if (kinds.length === 0) return null;
  const denied = kinds.some((kind) => state[kind].problem === 'denied');
  const retry = async (): Promise<void> => {
    if (kinds.includes('camera')) await media.setCamera(true);
    if (kinds.includes('mic')) await media.setMic(true);
  };
  return (
    <div className="problems" data-testid="device-problems">
      <div role="alert">
        {kinds.map((kind) => (
          <p key={kind} data-kind={kind} data-problem={state[kind].problem}>
            <Icon name="warning" size={20} /> {t(`problem.${kind}.${state[kind].problem ?? 'failed'}` satisfies Key)}
          </p>
        ))}
      </div>
      <button type="button" className="button" onClick={() => void retry()}>
        {t('problem.retry')}
      </button>
      {denied && <PermissionHelp />}
    </div>
  );
}
