// SPDX-License-Identifier: Apache-2.0
/** fakes.ts - for tests only: WebSocket and RTCPeerConnection that do what they are told. */
import type { ClientMessage, WelcomeMessage } from './protocol';

export type Sent = ClientMessage & { id?: number };

export class FakeSocket {
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error('no socket was made');
    return socket;
  }
  readyState = 0;
  sent: Sent[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Sent);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  drop(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  of(type: ClientMessage['type']): Sent[] {
    return this.sent.filter((message) => message.type === type);
  }
}

export function fakeTrack(kind: 'audio' | 'video'): MediaStreamTrack {
  const track = new EventTarget() as unknown as Record<string, unknown>;
  Object.assign(track, { kind, enabled: true, readyState: 'live', stop: () => (track['readyState'] = 'ended') });
  return track as unknown as MediaStreamTrack;
}

export class FakeTransceiver {
  mid: string | null = null;
  receiver = { track: fakeTrack('audio') };
  sender: { track: MediaStreamTrack | null; replaceTrack: (track: MediaStreamTrack | null) => Promise<void> };

  constructor(
    track: MediaStreamTrack | null,
    public direction: string,
  ) {
    this.sender = {
      track,
      replaceTrack: (next) => {
        this.sender.track = next;
        return Promise.resolve();
      },
    };
  }
}

export class FakePc extends EventTarget {
  static all: FakePc[] = [];
  iceConnectionState = 'new';
  signalingState = 'stable';
  localDescription: { sdp: string } | null = null;
  transceivers: FakeTransceiver[] = [];
  offers: { iceRestart?: boolean }[] = [];
  closed = false;

  constructor() {
    super();
    FakePc.all.push(this);
  }

  addTransceiver(track: MediaStreamTrack, init: { direction: string }): FakeTransceiver {
    const transceiver = new FakeTransceiver(track, init.direction);
    this.transceivers.push(transceiver);
    return transceiver;
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  createOffer(options: { iceRestart?: boolean }): Promise<object> {
    this.offers.push(options);
    return Promise.resolve({ type: 'offer', sdp: `offer ${this.offers.length}` });
  }

  createAnswer(): Promise<object> {
    return Promise.resolve({ type: 'answer', sdp: 'answer' });
  }

  setLocalDescription(description: { type: string; sdp: string }): Promise<void> {
    this.localDescription = description;
    this.signalingState = description.type === 'offer' ? 'have-local-offer' : 'stable';
    this.transceivers.forEach((transceiver, index) => (transceiver.mid = String(index)));
    return Promise.resolve();
  }

  setRemoteDescription(description: { type: string; sdp: string }): Promise<void> {
    if (description.sdp.includes('broken')) return Promise.reject(new Error('broken'));
    this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable';
    return Promise.resolve();
  }

  getStats(): Promise<Map<string, object>> {
    return Promise.resolve(new Map());
  }

  close(): void {
    this.closed = true;
  }

  ice(state: string): void {
    this.iceConnectionState = state;
    this.dispatchEvent(new Event('iceconnectionstatechange'));
  }
}

export function welcome(change: Partial<WelcomeMessage> = {}): WelcomeMessage {
  return {
    type: 'welcome',
    version: 1,
    resumed: false,
    participant: 'p1',
    resume: 'r',
    room: { name: 'demo', title: 'Demo', capacity: 35, opens_at: null, closes_at: null },
    rights: ['publish_audio', 'publish_video', 'publish_screen', 'subscribe'],
    ice_servers: [],
    participants: [{ participant: 'p3', name: 'Dr A', tracks: [{ track: 't4', source: 'mic', muted: false }] }],
    ...change,
  };
}
