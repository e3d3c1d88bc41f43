// SPDX-License-Identifier: Apache-2.0
/** app.tsx - which page the tab shows: pre-join, meeting, or how it ended. */
import { useEffect, useState, type ReactNode } from 'react';
import { useT } from '../i18n/i18n';
import { LocalMedia } from '../rtc/media';
import { ROOM_NAME } from '../rtc/protocol';
import { VisioSession } from '../rtc/session';
import { identity, preference, setPreference, tabRoom } from '../rtc/storage';
import { openRoomTicket } from '../rtc/tickets';
import { useStore } from '../ui/use_store';
import { exposeDebug } from './debug';
import { Ended, Message } from './ended';
import { Meeting } from './meeting';
import { Prejoin } from './prejoin';

function roomOfPage(): string | null {
  const room = /^\/visio\/([^/]+)\/?$/.exec(window.location.pathname)?.[1];
  return room !== undefined && ROOM_NAME.test(room) ? room : null;
}

function socketUrl(): string {
  const scheme = window.location.protocol === 'http:' ? 'ws' : 'wss';
  return `${scheme}://${window.location.host}/visio/ws`;
}

function supported(): boolean {
  return typeof RTCPeerConnection === 'function' && 'addTransceiver' in RTCPeerConnection.prototype;
}

/** A reload in the middle of a meeting leads straight back into it. */
function reloadedInside(room: string): boolean {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  return navigation?.type === 'reload' && tabRoom() === room && (preference('name') ?? '') !== '';
}

function startSession(room: string, name: string, media: LocalMedia): VisioSession {
  const session = new VisioSession({
    room,
    url: socketUrl(),
    media,
    ticket: () => openRoomTicket(room, name, identity()),
  });
  exposeDebug(session, media);
  session.enter();
  return session;
}

function Inside({ session, media }: { session: VisioSession; media: LocalMedia }): ReactNode {
  const { room } = useStore(session);
  const ended = room.phase === 'ended';
  useEffect(() => {
    if (ended) media.stop();
  }, [ended, media]);
  if (!room.ending) return <Meeting session={session} media={media} />;
  const again = (): void => {
    void media.start();
    session.enter();
  };
  return <Ended ending={room.ending} onAgain={again} />;
}

function Visio({ room }: { room: string }): ReactNode {
  const [media] = useState(() => new LocalMedia());
  const [session, setSession] = useState<VisioSession | null>(null);
  useEffect(() => {
    exposeDebug(null, media);
    void media.start();
    if (reloadedInside(room)) setSession(startSession(room, preference('name') ?? '', media));
  }, [media, room]);
  if (session) return <Inside session={session} media={media} />;
  const join = (name: string): void => {
    setPreference('name', name);
    media.settle();
    setSession(startSession(room, name, media));
  };
  return <Prejoin room={room} media={media} onJoin={join} />;
}

export function App(): ReactNode {
  const t = useT();
  const room = roomOfPage();
  useEffect(() => {
    document.title = room === null ? t('product') : `${room} – ${t('product')}`;
  }, [room, t]);
  if (!window.isSecureContext) return <Message title={t('unsupported.title')} text={t('unsupported.insecure')} />;
  if (!supported()) return <Message title={t('unsupported.title')} text={t('unsupported.text')} />;
  if (room === null) return <Message title={t('room_invalid.title')} text={t('room_invalid.text')} home />;
  return <Visio room={room} />;
}
