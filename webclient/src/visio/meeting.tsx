// SPDX-License-Identifier: Apache-2.0
/** meeting.tsx - the room: who is shown where, header, controls. */
import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { useT } from '../i18n/i18n';
import { isOn, type LocalMedia } from '../rtc/media';
import { trackOf, type Participant } from '../rtc/room_state';
import type { Snapshot, VisioSession } from '../rtc/session';
import { currentShare, selectStage, type StageItem, type StageWishes } from '../rtc/stage';
import { preference, setPreference } from '../rtc/storage';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { LanguageButton } from '../ui/language_button';
import { useStore } from '../ui/use_store';
import { Arrivals, Banners } from './announce';
import { Controls, type ControlActions } from './controls';
import { DeviceChoices, DeviceProblems } from './devices';
import { fitGrid } from './layout';
import { Sounds } from './media_view';
import { ShortcutsDialog, useShortcuts } from './shortcuts';
import { SelfView, Tile, type TileActions } from './tile';

const GAP = 8;

function useSize(): [(element: HTMLElement | null) => void, { width: number; height: number }] {
  const [element, setElement] = useState<HTMLElement | null>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!element) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [setElement, size];
}

interface ViewProps {
  snapshot: Snapshot;
  media: LocalMedia;
  name: string;
  actions: TileActions;
}

function items(people: readonly Participant[]): { person: Participant; source: StageItem['source'] }[] {
  return people.flatMap((person) => [
    ...(trackOf(person, 'screen') ? [{ person, source: 'screen' as const }] : []),
    { person, source: 'camera' as const },
  ]);
}

function Grid({ snapshot, media, name, actions }: ViewProps): ReactNode {
  const t = useT();
  const [measure, size] = useSize();
  const shown = items(snapshot.room.participants);
  // With one other person the own picture floats in a corner; with more it takes a place of its own.
  const selfInside = shown.length > 1;
  const fit = fitGrid(shown.length + (selfInside ? 1 : 0), size.width, size.height, GAP);
  const style = { width: fit.width, height: fit.height };
  return (
    <section className="grid" ref={measure} aria-label={t('meeting.grid')}>
      {shown.map(({ person, source }) => (
        <Tile key={`${person.id} ${source}`} {...{ person, source, snapshot, actions, style }} />
      ))}
      {selfInside ? (
        <SelfView {...{ snapshot, media, name, style }} />
      ) : (
        <div className="corner">
          <SelfView {...{ snapshot, media, name }} />
        </div>
      )}
    </section>
  );
}

function Stage(props: ViewProps & { staged: StageItem; strip: boolean }): ReactNode {
  const { snapshot, media, name, actions, staged } = props;
  const t = useT();
  const shown = items(snapshot.room.participants);
  const isStaged = (item: (typeof shown)[number]): boolean =>
    item.person.id === staged.participant && item.source === staged.source;
  const main = shown.find(isStaged);
  return (
    <div className="stage" data-strip={props.strip}>
      <section className="stage-main" aria-label={t('meeting.stage')} data-testid="stage">
        {main && <Tile {...{ ...main, snapshot, actions }} />}
      </section>
      {props.strip && (
        <section className="strip" aria-label={t('meeting.strip')} tabIndex={0}>
          <SelfView {...{ snapshot, media, name }} />
          {shown
            .filter((item) => !isStaged(item))
            .map(({ person, source }) => (
              <Tile key={`${person.id} ${source}`} {...{ person, source, snapshot, actions }} />
            ))}
        </section>
      )}
    </div>
  );
}

function Alone({ snapshot, media, name }: Omit<ViewProps, 'actions'>): ReactNode {
  const t = useT();
  const connecting = snapshot.room.phase === 'connecting';
  return (
    <div className="alone">
      {connecting ? (
        <p className="waiting" role="status">
          {t('meeting.connecting')}
        </p>
      ) : (
        <p className="waiting" role="status" data-testid="waiting">
          {t('meeting.waiting')}
        </p>
      )}
      <div className="corner">
        <SelfView {...{ snapshot, media, name }} />
      </div>
    </div>
  );
}

function Header(props: { snapshot: Snapshot; onSettings: () => void; onHelp: () => void }): ReactNode {
  const { room, screen } = props.snapshot;
  const t = useT();
  const count = room.participants.length + 1;
  return (
    <header className="top">
      <h1>{room.room?.title ?? t('product')}</h1>
      <span className="people" title={t('meeting.people', { n: count })}>
        <Icon name="people" size={20} />
        <span aria-hidden="true">{count}</span>
        <span className="sr-only">{t('meeting.people', { n: count })}</span>
      </span>
      {screen && <span className="sharing">{t('meeting.self_sharing')}</span>}
      <span className="spacer" />
      <button type="button" className="quiet wide-only" aria-label={t('control.shortcuts')} data-testid="shortcuts" onClick={props.onHelp}>
        <Icon name="keyboard" />
      </button>
      <button type="button" className="quiet" aria-label={t('control.settings')} data-testid="settings" onClick={props.onSettings}>
        <Icon name="settings" />
      </button>
      <LanguageButton />
    </header>
  );
}

function SettingsDialog({ media, onClose }: { media: LocalMedia; onClose: () => void }): ReactNode {
  const t = useT();
  return (
    <Dialog title={t('control.settings')} onClose={onClose}>
      <DeviceProblems media={media} />
      <DeviceChoices media={media} />
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          {t('dialog.close')}
        </button>
      </div>
    </Dialog>
  );
}

/** Which picture is large, and the ways to change that. */
function useStage(snapshot: Snapshot): {
  staged: StageItem | null;
  /** The grid is what the view button leads to. */
  away: boolean;
  pinned: StageItem | null;
  pin: (item: StageItem | null) => void;
  toggle: () => void;
} {
  const { room } = snapshot;
  const [wishes, setWishes] = useState<StageWishes>({ follow: false, pinned: null, dismissed: null });
  const previous = useRef<StageItem | null>(null);
  const staged = room.participants.length > 0 ? selectStage(room, wishes, previous.current) : null;
  useEffect(() => {
    previous.current = staged;
  }, [staged]);
  const away = staged !== null || wishes.follow;
  return {
    staged,
    away,
    pinned: wishes.pinned,
    pin: (pinned) => setWishes({ ...wishes, pinned }),
    // Away from whatever is large now; or, from the grid, to the speaker (and to a share put away before).
    toggle: () =>
      setWishes({ follow: !away, pinned: null, dismissed: away ? (currentShare(room)?.track ?? null) : null }),
  };
}

export function Meeting({ session, media }: { session: VisioSession; media: LocalMedia }): ReactNode {
  const snapshot = useStore(session);
  const mediaState = useStore(media);
  const stage = useStage(snapshot);
  const [strip, setStrip] = useState(true);
  const [dialog, setDialog] = useState<'settings' | 'help' | null>(null);
  const [shortcuts, setShortcuts] = useState(preference('shortcuts') !== '0');
  const [sound, setSound] = useState({ blocked: false, attempt: 0 });
  const onBlocked = useCallback(() => setSound((now) => ({ ...now, blocked: true })), []);
  const name = preference('name') ?? '';
  const talkedFromMuted = useRef(false);

  const controls: ControlActions = {
    toggleView: stage.toggle,
    toggleShare: () => (snapshot.screen ? session.stopScreen() : void session.shareScreen()),
    toggleCamera: () => void media.setCamera(!isOn(media.get().camera)),
    toggleMic: () => void media.setMic(!isOn(media.get().mic)),
  };
  useShortcuts(shortcuts, {
    ...controls,
    toggleStrip: () => setStrip(!strip),
    talk: (on) => {
      if (on) talkedFromMuted.current = !media.get().mic.on;
      if (talkedFromMuted.current) media.holdMic(on);
    },
    help: () => setDialog('help'),
  });

  const { participants } = snapshot.room;
  const actions: TileActions = {
    session,
    moderator: snapshot.room.rights.includes('moderate'),
    pinned: stage.pinned,
    onPin: stage.pin,
  };
  const view = { snapshot, media, name };
  return (
    <div className="meeting" data-view={stage.staged ? 'stage' : 'grid'}>
      <Header snapshot={snapshot} onSettings={() => setDialog('settings')} onHelp={() => setDialog('help')} />
      <Banners
        session={session}
        snapshot={snapshot}
        soundBlocked={sound.blocked}
        onSound={() => setSound({ blocked: false, attempt: sound.attempt + 1 })}
        media={mediaState}
        onSettings={() => setDialog('settings')}
      />
      <main className="room">
        {participants.length === 0 && <Alone {...view} />}
        {participants.length > 0 && !stage.staged && <Grid {...view} actions={actions} />}
        {participants.length > 0 && stage.staged && (
          <Stage {...view} actions={actions} staged={stage.staged} strip={strip} />
        )}
      </main>
      <Controls
        session={session}
        media={media}
        snapshot={snapshot}
        staged={stage.away}
        shortcuts={shortcuts}
        actions={controls}
      />
      <Sounds remote={snapshot.remote.values()} speaker={mediaState.speaker} attempt={sound.attempt} onBlocked={onBlocked} />
      <Arrivals room={snapshot.room} />
      {dialog === 'settings' && <SettingsDialog media={media} onClose={() => setDialog(null)} />}
      {dialog === 'help' && (
        <ShortcutsDialog
          enabled={shortcuts}
          onEnable={(enabled) => {
            setPreference('shortcuts', enabled ? '1' : '0');
            setShortcuts(enabled);
          }}
          onClose={() => setDialog(null)}
        />
      )}
    </div>
  );
}
