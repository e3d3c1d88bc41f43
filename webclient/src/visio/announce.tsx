// SPDX-License-Identifier: Apache-2.0
/** announce.tsx - what happens in the room, in words: banners for everybody, arrivals for screen readers. */
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useT, type Translate } from '../i18n/i18n';
import type { MediaState } from '../rtc/media';
import { currentShare } from '../rtc/stage';
import type { RoomState } from '../rtc/room_state';
import type { Snapshot, VisioSession } from '../rtc/session';
import { Icon } from '../ui/icons';

const NOTICE_MS = 6000;

/** The notice until its time is over. */
function useNotice(snapshot: Snapshot): Snapshot['notice'] {
  const { notice } = snapshot;
  const [over, setOver] = useState(0);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => setOver(notice.serial), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return notice && notice.serial > over ? notice : null;
}

export function Banners(props: {
  session: VisioSession;
  snapshot: Snapshot;
  soundBlocked: boolean;
  onSound: () => void;
  media: MediaState;
  onSettings: () => void;
}): ReactNode {
  const { session, snapshot } = props;
  const t = useT();
  const notice = useNotice(snapshot);
  const lost = snapshot.room.phase === 'reconnecting' || (snapshot.room.phase === 'in_room' && snapshot.mediaTrouble);
  return (
    <div className="banners">
      {/* The live region itself is always in the page, or its first words would not be read. */}
      <div className={`banner${lost ? ' warning' : ''}${lost || notice ? '' : ' empty'}`}>
        {lost && <Icon name="warning" size={20} />}
        <div role="status" aria-live="polite">
          {lost && (
            <p data-testid="banner" data-kind="reconnecting">
              {t('meeting.reconnecting')}
            </p>
          )}
          {!lost && notice && (
            <p data-testid="banner" data-kind={notice.key}>
              {t(`notice.${notice.key}`)}
            </p>
          )}
        </div>
        {snapshot.room.phase === 'reconnecting' && (
          <button type="button" className="button" onClick={() => session.retryNow()}>
            {t('meeting.retry_now')}
          </button>
        )}
      </div>
      {(['camera', 'mic'] as const).map((kind) => {
        const { on, problem } = props.media[kind];
        if (!on || problem === null) return null;
        return (
          <div className="banner warning" role="alert" key={kind} data-testid="device-problem">
            <Icon name="warning" size={20} />
            <span>{t(`problem.${kind}.${problem}`)}</span>
            <button type="button" className="button" onClick={props.onSettings}>
              {t('control.settings')}
            </button>
          </div>
        );
      })}
      {props.soundBlocked && (
        <div className="banner" role="alert">
          <span>{t('meeting.sound_blocked')}</span>
          <button type="button" className="button primary" data-testid="sound-on" onClick={props.onSound}>
            {t('meeting.sound_on')}
          </button>
        </div>
      )}
    </div>
  );
}

function changes(before: RoomState, now: RoomState, t: Translate): string[] {
  if (before.phase !== 'in_room' || now.phase !== 'in_room' || before.self !== now.self) return [];
  const had = new Set(before.participants.map((person) => person.id));
  const has = new Set(now.participants.map((person) => person.id));
  const words = [
    ...now.participants.filter((person) => !had.has(person.id)).map(({ name }) => t('meeting.joined', { name })),
    ...before.participants.filter((person) => !has.has(person.id)).map(({ name }) => t('meeting.left', { name })),
  ];
  const share = currentShare(now);
  if (share && share.track !== currentShare(before)?.track) {
    const sharer = now.participants.find((person) => person.id === share.item.participant);
    if (sharer) words.push(t('meeting.sharing', { name: sharer.name }));
  }
  return words;
}

export function Arrivals({ room }: { room: RoomState }): ReactNode {
  const t = useT();
  const before = useRef(room);
  const [text, setText] = useState('');
  useEffect(() => {
    const words = changes(before.current, room, t);
    before.current = room;
    if (words.length > 0) setText(words.join(' '));
  }, [room, t]);
  return (
    <p className="sr-only" role="status" aria-live="polite">
      {text}
    </p>
  );
}
