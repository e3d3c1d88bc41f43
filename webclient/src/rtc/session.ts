// SPDX-License-Identifier: Apache-2.0
/**
 * session.ts - one person's presence in one room, from the first attempt to the end.
 *
 * Owns the socket (and makes the next one when it drops), the two peer connections and the shared screen; feeds
 * the reducer; offers one immutable snapshot. Knows nothing of React. The camera and microphone (LocalMedia)
 * belong to the caller, who may have shown them before and may need them after.
 */
import { reconnectWait } from './backoff';
import { IceGuard } from './ice_guard';
import { SpeakingWatch } from './levels';
import type { LocalMedia } from './media';
import {
  PROTOCOL_VERSION,
  type ClientMessage,
  type ClosingMessage,
  type PcName,
  type Quality,
  type RefusedMessage,
  type Right,
  type ServerMessage,
  type Source,
  type WelcomeMessage,
} from './protocol';
import { Publisher, type Wanted } from './publisher';
import { initialRoom, reduceRoom, type Ending, type RoomAction, type RoomState } from './room_state';
import { captureScreen } from './screen';
import { SocketClosed, VisioSocket } from './socket';
import { measureUplink } from './stats';
import { setTabRoom } from './storage';
import { Store } from './store';
import { Subscriber, type RemoteTracks } from './subscriber';
import { TicketError } from './tickets';

/** Something to tell the person once. */
export type Notice = 'back' | 'muted_by_moderator' | 'share_failed' | 'publish_failed' | 'action_failed';

export interface Snapshot {
  readonly room: RoomState;
  readonly remote: RemoteTracks;
  readonly speaking: ReadonlySet<string>;
  /** False: nothing is known about levels, the server's `speaker` is all there is. */
  readonly levelsKnown: boolean;
  readonly uplink: Quality | null;
  /** The socket may be fine while the media path is not. */
  readonly mediaTrouble: boolean;
  readonly screen: MediaStreamTrack | null;
  readonly notice: { readonly key: Notice; readonly serial: number } | null;
}

export interface SessionOptions {
  readonly room: string;
  readonly url: string;
  readonly media: LocalMedia;
  /** A fresh ticket for this room; throws TicketError. */
  readonly ticket: () => Promise<string>;
}

/** PROTOCOL.md section 3: the participant outlives its socket by 30 s. */
const RESUME_MS = 30_000;
const WELCOME_MS = 6000;
/** The first entry gives up after this long without a server; a reconnection never does. */
const ENTER_MS = 10_000;
/** A connection that lasted this long was a success: the next loss starts with short waits again. */
const STABLE_MS = 5000;
const SPEAKING_POLL_MS = 250;
const UPLINK_POLL_MS = 2000;

const RIGHT_FOR: Record<Source, Right> = {
  mic: 'publish_audio',
  camera: 'publish_video',
  screen: 'publish_screen',
  screen_audio: 'publish_screen',
};

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((id) => b.has(id));
}

export class VisioSession extends Store<Snapshot> {
  readonly #options: SessionOptions;
  #socket: VisioSocket | null = null;
  #publisher: Publisher | null = null;
  #subscriber: Subscriber | null = null;
  #guards: Partial<Record<PcName, IceGuard>> = {};
  #screenAudio: MediaStreamTrack | null = null;
  #resume: string | null = null;
  /** Counts attempts ever made: what belongs to an older one is ignored. */
  #run = 0;
  /** Waits used up since the last stable connection was lost. */
  #waits = 0;
  #stable = false;
  #lostSince = 0;
  #droppedAt = 0;
  #serial = 0;
  #wait: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #polls: ReturnType<typeof setInterval>[] = [];
  #stopWatching: (() => void)[] = [];

  constructor(options: SessionOptions) {
    super({
      room: initialRoom,
      remote: new Map(),
      speaking: new Set(),
      levelsKnown: false,
      uplink: null,
      mediaTrouble: false,
      screen: null,
      notice: null,
    });
    this.#options = options;
  }

  /** Enters, or enters again after an ending. */
  enter(): void {
    if (!['idle', 'ended'].includes(this.get().room.phase)) return;
    this.#dispatch({ type: 'connecting' });
    this.#waits = 1; // the first attempt is made at once
    this.#stable = false;
    this.#resume = null;
    this.#lostSince = Date.now();
    this.#watch();
    void this.#attempt();
  }

  leave(): void {
    this.#socket?.send({ type: 'leave' });
    this.#end({ kind: 'left', code: 'left', retry: true, opens_at: null });
  }

  /** Do not wait for the next attempt. */
  retryNow(): void {
    if (this.#wait === undefined) return;
    clearTimeout(this.#wait);
    this.#wait = undefined;
    void this.#attempt();
  }

  async shareScreen(): Promise<void> {
    const captured = await captureScreen();
    if (captured === 'failed') this.#notify('share_failed');
    if (captured === 'failed' || captured === 'cancelled') return;
    if (this.get().room.phase === 'ended') {
      captured.video.stop();
      captured.audio?.stop();
      return;
    }
    this.stopScreen();
    captured.video.addEventListener('ended', () => {
      if (this.get().screen === captured.video) this.stopScreen();
    });
    this.#screenAudio = captured.audio;
    this.#patch({ screen: captured.video });
    this.#publish();
  }

  stopScreen(): void {
    const { screen } = this.get();
    if (!screen) return;
    screen.stop();
    this.#screenAudio?.stop();
    this.#screenAudio = null;
    this.#patch({ screen: null });
    this.#publish();
  }

  moderateMute(participant: string, track: string): void {
    this.#moderate({ type: 'moderate', action: 'mute', participant, track });
  }

  moderateRemove(participant: string): void {
    this.#moderate({ type: 'moderate', action: 'remove', participant });
  }

  /** For statistics and the debug object; null outside a room. */
  get publishPc(): RTCPeerConnection | null {
    return this.#publisher?.pc ?? null;
  }

  get subscribePc(): RTCPeerConnection | null {
    return this.#subscriber?.pc ?? null;
  }

  #moderate(message: ClientMessage): void {
    this.#request(message).catch((error: unknown) => {
      if (!(error instanceof SocketClosed)) this.#notify('action_failed');
    });
  }

  #patch(change: Partial<Snapshot>): void {
    this.set({ ...this.get(), ...change });
  }

  #dispatch(action: RoomAction): void {
    const room = reduceRoom(this.get().room, action);
    if (room !== this.get().room) this.#patch({ room });
  }

  #notify(key: Notice): void {
    this.#serial += 1;
    this.#patch({ notice: { key, serial: this.#serial } });
  }

  #request(message: ClientMessage): Promise<ServerMessage> {
    return this.#socket ? this.#socket.request(message) : Promise.reject(new SocketClosed());
  }

  // ---- coming in, and back ----

  async #attempt(): Promise<void> {
    const run = ++this.#run;
    const stale = (): boolean => run !== this.#run;
    this.#wait = undefined;
    let first: ClientMessage;
    const resumable = this.#subscriber !== null && Date.now() - this.#droppedAt < RESUME_MS;
    if (this.#resume !== null && resumable) {
      first = { type: 'resume', version: PROTOCOL_VERSION, token: this.#resume };
    } else {
      try {
        first = { type: 'join', version: PROTOCOL_VERSION, ticket: await this.#options.ticket() };
      } catch (error) {
        if (!stale()) this.#ticketFailed(error);
        return;
      }
      if (stale()) return;
    }
    const socket = new VisioSocket(this.#options.url, {
      onOpen: () => {
        if (stale()) return;
        if (first.type === 'resume') this.#resume = null; // good for one use
        socket.send(first);
        this.#timer = setTimeout(() => socket.close(), WELCOME_MS);
      },
      onMessage: (message) => {
        if (!stale()) this.#onMessage(message);
      },
      onClose: (code) => {
        if (!stale()) this.#dropped(code);
      },
    });
    this.#socket = socket;
  }

  #ticketFailed(error: unknown): void {
    const code = error instanceof TicketError ? error.code : 'unreachable';
    const retry = !(error instanceof TicketError) || error.retry;
    if (retry) this.#tryLater(code);
    else this.#end({ kind: 'refused', code, retry: false, opens_at: null });
  }

  /** Schedules the next attempt; a first entry without success ends here after a while. */
  #tryLater(code: string, atLeast_ms = 0): void {
    const lost_ms = Date.now() - this.#lostSince;
    if (this.get().room.phase === 'connecting' && lost_ms > ENTER_MS) {
      this.#end({ kind: 'refused', code, retry: true, opens_at: null });
      return;
    }
    const wait = Math.max(atLeast_ms, reconnectWait(this.#waits, lost_ms, Math.random()));
    this.#waits += 1;
    clearTimeout(this.#wait);
    this.#wait = setTimeout(() => void this.#attempt(), wait);
  }

  #dropped(code: number, after_ms = 0): void {
    clearTimeout(this.#timer);
    this.#run += 1;
    this.#socket = null;
    // 4000 and 4008: the server has thrown the session away.
    if (code === 4000 || code === 4008) this.#resume = null;
    if (this.get().room.phase === 'ended') return;
    if (this.get().room.phase === 'in_room') {
      this.#droppedAt = Date.now();
      if (this.#stable) {
        this.#lostSince = Date.now();
        this.#waits = 0;
      }
      this.#stable = false;
    }
    this.#dispatch({ type: 'dropped' });
    this.#tryLater('unreachable', after_ms);
  }

  /** Only a new participant helps: the old one is replaced, since the identity is the same. */
  #rejoin(): void {
    this.#resume = null;
    this.#socket?.close();
  }

  #onMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcomed(message);
        break;
      case 'refused':
        this.#refused(message);
        break;
      case 'closing':
        this.#closing(message);
        break;
      case 'subscribe':
        this.#subscriber?.onOffer(message);
        break;
      case 'connection':
        if (message.state === 'lost') this.#guards[message.pc]?.lost();
        // DTLS failed or ended: the browser may not notice, and no ICE restart brings it back.
        if (message.state === 'failed') this.#rejoin();
        break;
      case 'error':
        if (message.code === 'negotiation_failed') this.#resume = null;
        break;
      case 'published':
      case 'ok':
      case 'pong':
        break;
      case 'track_muted':
        if (message.participant === this.get().room.self) this.#mutedByServer(message.track, message.muted, message.by);
        else this.#dispatch(message);
        break;
      case 'participant_joined':
        if (message.participant.participant !== this.get().room.self) this.#dispatch(message);
        break;
      default:
        this.#dispatch(message);
    }
  }

  #welcomed(message: WelcomeMessage): void {
    clearTimeout(this.#timer);
    const again = this.get().room.phase === 'reconnecting';
    this.#resume = message.resume;
    setTabRoom(this.#options.room);
    this.#dispatch(message);
    this.#timer = setTimeout(() => {
      this.#stable = true;
    }, STABLE_MS);
    if (message.resumed && this.#publisher) {
      this.#publisher.resync();
      for (const guard of Object.values(this.#guards)) guard.socketBack();
    } else this.#connectMedia(message);
    this.#publish();
    if (again) this.#notify('back');
  }

  #refused(message: RefusedMessage): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#run += 1;
    this.#socket = null;
    socket?.close();
    const { code } = message;
    if (code === 'resume_unknown' || code === 'ticket_invalid') {
      this.#resume = null;
      // A restarted server does not know us: join at once. Refused again and again: like any other failure.
      if (code === 'resume_unknown') void this.#attempt();
      else this.#tryLater(code);
      return;
    }
    if (code === 'busy' && this.get().room.phase === 'reconnecting') this.#tryLater(code);
    else
      this.#end({ kind: 'refused', code, retry: message.retry === true, opens_at: message.opens_at ?? null });
  }

  #closing(message: ClosingMessage): void {
    const { reason } = message;
    if (reason === 'server_shutdown' || message.reconnect === true) {
      const socket = this.#socket;
      this.#dropped(1001, (message.after_ms ?? 0) * (1 + Math.random() * 0.3));
      socket?.close();
    } else if (reason === 'left' || reason === 'replaced') {
      this.#end({ kind: reason, code: reason, retry: true, opens_at: null });
    } else this.#end({ kind: 'refused', code: reason, retry: false, opens_at: null });
  }

  #end(ending: Ending): void {
    this.#run += 1;
    clearTimeout(this.#wait);
    clearTimeout(this.#timer);
    this.#wait = undefined;
    for (const stop of this.#stopWatching) stop();
    this.#stopWatching = [];
    this.#resume = null;
    setTabRoom(null);
    this.#dispatch({ type: 'ended', ending });
    this.#disconnectMedia();
    this.stopScreen();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  // ---- media ----

  #connectMedia(message: WelcomeMessage): void {
    this.#disconnectMedia();
    const config: RTCConfiguration = { bundlePolicy: 'max-bundle', iceServers: message.ice_servers ?? [] };
    const publisher = new Publisher(config, {
      request: (request) => this.#request(request),
      onRefused: (code) => this.#publishRefused(code),
    });
    const subscriber = new Subscriber(config, {
      answer: (rev, sdp) => this.#socket?.send({ type: 'subscribed', rev, sdp }),
      onFailure: () => this.#rejoin(),
    });
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#guards = {
      publish: this.#guard(publisher.pc, () => publisher.restartIce()),
      subscribe: this.#guard(subscriber.pc, () => {
        this.#request({ type: 'restart', pc: 'subscribe' }).catch(() => undefined);
      }),
    };
    subscriber.tracks.subscribe(() => this.#patch({ remote: subscriber.tracks.get() }));
    const watch = new SpeakingWatch();
    this.#polls = [
      setInterval(() => {
        const speaking = watch.poll(subscriber.tracks.get(), Date.now());
        const { levelsKnown } = watch;
        const same = sameSet(speaking, this.get().speaking) && levelsKnown === this.get().levelsKnown;
        if (!same) this.#patch({ speaking, levelsKnown });
      }, SPEAKING_POLL_MS),
      setInterval(() => {
        measureUplink(publisher.pc).then(
          (uplink) => this.#publisher === publisher && uplink !== this.get().uplink && this.#patch({ uplink }),
          () => undefined,
        );
      }, UPLINK_POLL_MS),
    ];
  }

  #guard(pc: RTCPeerConnection, restart: () => void): IceGuard {
    return new IceGuard(pc, {
      restart: () => {
        if (this.get().room.phase !== 'in_room') return false;
        restart();
        return true;
      },
      giveUp: () => this.#rejoin(),
      onTrouble: () => this.#patch({ mediaTrouble: Object.values(this.#guards).some((guard) => guard.troubled) }),
    });
  }

  #disconnectMedia(): void {
    for (const poll of this.#polls) clearInterval(poll);
    this.#polls = [];
    for (const guard of Object.values(this.#guards)) guard.close();
    this.#guards = {};
    this.#publisher?.close();
    this.#subscriber?.close();
    this.#publisher = null;
    this.#subscriber = null;
    this.#patch({ remote: new Map(), speaking: new Set(), uplink: null, mediaTrouble: false });
  }

  #publish(): void {
    if (!this.#publisher || this.get().room.phase !== 'in_room') return;
    const { mic, camera } = this.#options.media.get();
    const wanted = new Map<Source, Wanted>([
      ['mic', { track: mic.track, muted: !mic.on || !mic.track }],
      ['camera', { track: camera.track, muted: !camera.track }],
    ]);
    const { screen } = this.get();
    if (screen) wanted.set('screen', { track: screen, muted: false });
    if (screen && this.#screenAudio) wanted.set('screen_audio', { track: this.#screenAudio, muted: false });
    const { rights } = this.get().room;
    for (const source of wanted.keys()) if (!rights.includes(RIGHT_FOR[source])) wanted.delete(source);
    this.#publisher.sync(wanted);
  }

  #publishRefused(code: string): void {
    if (code === 'not_allowed' || code === 'too_many_tracks') this.stopScreen();
    this.#notify('publish_failed');
  }

  /** A moderator muted an own track: follow, and say so. One's own requests come back here too. */
  #mutedByServer(track: string, muted: boolean, by: 'self' | 'moderator'): void {
    if (by !== 'moderator') return;
    const source = this.#publisher?.sourceOf(track);
    this.#publisher?.serverMuted(track, muted);
    if (!muted) return;
    if (source === 'mic') this.#options.media.holdMic(false);
    if (source === 'camera') void this.#options.media.setCamera(false);
    if (source === 'screen' || source === 'screen_audio') this.stopScreen();
    this.#notify('muted_by_moderator');
  }

  /** The page's surroundings: own devices, network, sleep, the page going away. */
  #watch(): void {
    const online = (): void => {
      this.retryNow();
      this.#socket?.probe(2000);
      if (this.get().room.phase === 'in_room') for (const guard of Object.values(this.#guards)) guard.lost();
    };
    const visible = (): void => {
      if (document.visibilityState !== 'visible') return;
      this.retryNow();
      this.#socket?.probe(3000);
    };
    // Leaving the page must not leave a ghost. A reload finds the room in sessionStorage and comes back.
    const hidden = (): void => {
      this.#socket?.send({ type: 'leave' });
    };
    window.addEventListener('online', online);
    window.addEventListener('pagehide', hidden);
    document.addEventListener('visibilitychange', visible);
    this.#stopWatching = [
      this.#options.media.subscribe(() => this.#publish()),
      () => window.removeEventListener('online', online),
      () => window.removeEventListener('pagehide', hidden),
      () => document.removeEventListener('visibilitychange', visible),
    ];
  }
}
