// SPDX-License-Identifier: Apache-2.0
/** tile.tsx - one picture with its name and its states; the own thumbnail; the moderator's menu. */
import { useEffect, useRef, useState, type CSSProperties, type ReactNode } from 'react';
import { useT } from '../i18n/i18n';
import type { LocalMedia } from '../rtc/media';
import type { Quality } from '../rtc/protocol';
import { trackOf, type Participant } from '../rtc/room_state';
import type { Snapshot, VisioSession } from '../rtc/session';
import type { StageItem } from '../rtc/stage';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { useStore } from '../ui/use_store';
import { StreamVideo, TrackVideo } from './media_view';

export interface TileActions {
  readonly session: VisioSession;
  readonly moderator: boolean;
  readonly pinned: StageItem | null;
  readonly onPin: (item: StageItem | null) => void;
}

export function initials(name: string): string {
  const words = name.replace(/^(dr|pr|mme|m)\.?\s+/i, '').split(/\s+/).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined];
  return letters.map((word) => (word ? ([...word][0] ?? '') : '')).join('').toUpperCase();
}

function QualityBars({ quality }: { quality: Quality }): ReactNode {
  const t = useT();
  return (
    <span className="quality" data-quality={quality} title={t(`quality.${quality}`)}>
      <i />
      <i />
      <i />
      <span className="sr-only">{t(`quality.${quality}`)}</span>
    </span>
  );
}

function Caption(props: { name: string; muted: boolean; cameraOff: boolean; quality: Quality | undefined }): ReactNode {
  const t = useT();
  return (
    <div className="caption">
      {props.muted && (
        <span className="caption-muted" title={t('tile.muted')}>
          <Icon name="micOff" size={18} />
          <span className="sr-only">{t('tile.muted')}</span>
        </span>
      )}
      <span className="caption-name">{props.name}</span>
      {props.cameraOff && <span className="sr-only">{t('tile.camera_off')}</span>}
      {props.quality !== undefined && <QualityBars quality={props.quality} />}
    </div>
  );
}

function RemoveDialog(props: { name: string; onConfirm: () => void; onClose: () => void }): ReactNode {
  const t = useT();
  return (
    <Dialog title={t('remove.title', { name: props.name })} onClose={props.onClose}>
      <p>{t('remove.text')}</p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={props.onClose}>
          {t('dialog.cancel')}
        </button>
        <button type="button" className="button danger" data-testid="remove-confirm" onClick={props.onConfirm}>
          {t('remove.confirm')}
        </button>
      </div>
    </Dialog>
  );
}

function ModeratorMenu({ person, session }: { person: Participant; session: VisioSession }): ReactNode {
  const t = useT();
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const [removing, setRemoving] = useState(false);
  const mic = trackOf(person, 'mic');
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event: Event): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);
  const close = (): void => {
    setOpen(false);
    opener.current?.focus();
  };
  return (
    <div
      ref={root}
      className="tile-menu"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && open) close();
      }}
    >
      <button
        ref={opener}
        type="button"
        className="tile-button"
        aria-label={t('tile.menu', { name: person.name })}
        aria-expanded={open}
        data-testid="tile-menu"
        onClick={() => setOpen(!open)}
      >
        <Icon name="menu" />
      </button>
      {open && (
        <div className="menu">
          <button
            type="button"
            data-testid="moderate-mute"
            disabled={!mic || mic.muted}
            onClick={() => {
              if (mic) session.moderateMute(person.id, mic.track);
              close();
            }}
          >
            <Icon name="micOff" size={20} />
            {t('tile.mute')}
          </button>
          <button
            type="button"
            data-testid="moderate-remove"
            onClick={() => {
              setOpen(false);
              setRemoving(true);
            }}
          >
            <Icon name="leave" size={20} />
            {t('tile.remove')}
          </button>
        </div>
      )}
      {removing && (
        <RemoveDialog
          name={person.name}
          onClose={() => setRemoving(false)}
          onConfirm={() => {
            setRemoving(false);
            session.moderateRemove(person.id);
          }}
        />
      )}
    </div>
  );
}

function PinButton({ item, label, actions }: { item: StageItem; label: string; actions: TileActions }): ReactNode {
  const t = useT();
  const { pinned, onPin } = actions;
  const isPinned = pinned?.participant === item.participant && pinned.source === item.source;
  return (
    <button
      type="button"
      className="tile-button"
      data-testid="tile-pin"
      data-pinned={isPinned}
      aria-label={t(isPinned ? 'tile.unpin' : 'tile.pin', { name: label })}
      onClick={() => onPin(isPinned ? null : item)}
    >
      <Icon name="pin" />
    </button>
  );
}

export function isSpeaking(snapshot: Snapshot, id: string): boolean {
  return snapshot.speaking.has(id) || (!snapshot.levelsKnown && snapshot.room.speaker === id);
}

export function Tile(props: {
  person: Participant;
  source: StageItem['source'];
  snapshot: Snapshot;
  actions: TileActions;
  style?: CSSProperties;
}): ReactNode {
  const { person, source, snapshot, actions } = props;
  const t = useT();
  const mic = trackOf(person, 'mic');
  const video = trackOf(person, source);
  const muted = !mic || mic.muted;
  const videoMuted = !video || video.muted;
  const speaking = source === 'camera' && !muted && isSpeaking(snapshot, person.id);
  const quality = snapshot.room.quality[person.id];
  const remote = video && !videoMuted ? snapshot.remote.get(video.track) : undefined;
  const label = source === 'screen' ? t('tile.screen', { name: person.name }) : person.name;
  return (
    <div
      className="tile"
      role="group"
      aria-label={label}
      style={props.style}
      data-testid="tile"
      data-participant={person.id}
      data-name={person.name}
      data-source={source}
      data-muted-audio={muted}
      data-muted-video={videoMuted}
      data-speaking={speaking}
      data-quality={quality ?? ''}
    >
      {remote ? (
        <StreamVideo stream={remote.stream} />
      ) : (
        <span className="avatar" aria-hidden="true">
          {initials(person.name)}
        </span>
      )}
      {speaking && <span className="sr-only">{t('tile.speaking')}</span>}
      <Caption
        name={label}
        muted={source === 'camera' && muted}
        cameraOff={source === 'camera' && videoMuted}
        quality={source === 'camera' ? quality : undefined}
      />
      <div className="tile-actions">
        <PinButton item={{ participant: person.id, source }} label={label} actions={actions} />
        {actions.moderator && source === 'camera' && <ModeratorMenu person={person} session={actions.session} />}
      </div>
    </div>
  );
}

/** The own picture, as in a mirror. */
export function SelfView(props: { snapshot: Snapshot; media: LocalMedia; name: string; style?: CSSProperties }): ReactNode {
  const { snapshot, media } = props;
  const t = useT();
  const { camera, mic } = useStore(media);
  const { self, speaker, quality } = snapshot.room;
  const muted = !mic.on || !mic.track;
  // What the server sees of us, or what our own statistics say, whichever is worse.
  const measures = [self === null ? undefined : quality[self], snapshot.uplink ?? undefined];
  const known = measures.filter((value): value is Quality => value !== undefined);
  const own = known.length === 0 ? undefined : (Math.min(...known) as Quality);
  return (
    <div
      className="tile self"
      role="group"
      aria-label={t('tile.self')}
      style={props.style}
      data-testid="self-view"
      data-participant={self ?? ''}
      data-name={props.name}
      data-source="camera"
      data-muted-audio={muted}
      data-muted-video={!camera.track}
      data-speaking={!muted && self !== null && speaker === self}
      data-quality={own ?? ''}
    >
      {camera.track ? (
        <TrackVideo track={camera.track} mirrored />
      ) : (
        <span className="avatar" aria-hidden="true">
          {initials(props.name)}
        </span>
      )}
      <Caption name={t('tile.self')} muted={muted} cameraOff={!camera.track} quality={own} />
    </div>
  );
}
