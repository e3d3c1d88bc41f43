// SPDX-License-Identifier: Apache-2.0
/**
 * publisher.ts - the peer connection that sends (PROTOCOL.md section 4).
 *
 * The owner says what should be published; `sync` makes it so, one step at a time: transceivers are added once
 * per source and reused, devices are exchanged by replaceTrack, an offer goes out only when m-sections change or
 * ICE restarts, and the mute state of each track is told when it differs from what the server knows.
 */
import type { ClientMessage, PublishedMessage, ServerMessage, Source } from './protocol';
import { RequestError, SocketClosed } from './socket';

export interface Wanted {
  track: MediaStreamTrack | null;
  muted: boolean;
}

export type WantedTracks = ReadonlyMap<Source, Wanted>;

interface Slot {
  transceiver: RTCRtpTransceiver;
  active: boolean;
  /** Server's id of the track, null until the answer. */
  track: string | null;
  /** What the server was last told; null: not known to have arrived. */
  toldMuted: boolean | null;
}

const CAMERA_BPS = 1_200_000;
const SCREEN_BPS = 2_500_000;
const RETRY_MS = 1000;
const RETRIES_MAX = 5;

function encodings(source: Source): RTCRtpEncodingParameters[] | undefined {
  if (source === 'camera') return [{ maxBitrate: CAMERA_BPS }];
  if (source === 'screen') return [{ maxBitrate: SCREEN_BPS }];
  return undefined;
}

export interface PublisherDeps {
  request(message: ClientMessage): Promise<ServerMessage>;
  /** The server will not have it, and trying again does not help. */
  onRefused(code: string): void;
}

export class Publisher {
  readonly pc: RTCPeerConnection;
  readonly #deps: PublisherDeps;
  readonly #slots = new Map<Source, Slot>();
  #wanted: WantedTracks = new Map();
  #running: Promise<void> | null = null;
  #dirty = false;
  #offerDue = false;
  #restartDue = false;
  #closed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;

  constructor(config: RTCConfiguration, deps: PublisherDeps) {
    this.pc = new RTCPeerConnection(config);
    this.#deps = deps;
  }

  /** Server's id of what is published as `source`, or null. */
  trackId(source: Source): string | null {
    const slot = this.#slots.get(source);
    return slot?.active ? slot.track : null;
  }

  sourceOf(track: string): Source | null {
    for (const [source, slot] of this.#slots) if (slot.track === track) return source;
    return null;
  }

  /** The server changed the mute state of an own track (a moderator did). */
  serverMuted(track: string, muted: boolean): void {
    for (const slot of this.#slots.values()) if (slot.track === track) slot.toldMuted = muted;
  }

  sync(wanted: WantedTracks): void {
    this.#wanted = wanted;
    this.#kick();
  }

  restartIce(): void {
    this.#restartDue = this.#offerDue = true;
    this.#kick();
  }

  /** After a resume: an offer or a mute message may have been lost with the old socket. */
  resync(): void {
    for (const slot of this.#slots.values()) {
      if (slot.track === null) this.#offerDue = true;
      slot.toldMuted = null;
    }
    if (this.pc.signalingState === 'have-local-offer') this.#offerDue = true;
    this.#kick();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.pc.close();
  }

  #kick(): void {
    this.#dirty = true;
    if (this.#running || this.#closed) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      // What arrived between the last look and here.
      if (this.#dirty && !this.#closed && this.#retry === undefined) this.#kick();
    });
  }

  async #run(): Promise<void> {
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      try {
        await this.#arrange();
        if (this.#offerDue && this.#slots.size > 0) await this.#negotiate();
        await this.#tellMutes();
        this.#retries = 0;
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
  }

  #failed(error: unknown): void {
    if (this.#closed || error instanceof SocketClosed) return; // resync() comes with the next socket
    const passing = !(error instanceof RequestError) || error.code === 'busy' || error.code === 'rate_limited';
    this.#retries += 1;
    if (!passing || this.#retries > RETRIES_MAX) {
      this.#offerDue = this.#restartDue = false;
      this.#retries = 0;
      this.#deps.onRefused(error instanceof RequestError ? error.code : 'failed');
      return;
    }
    this.#offerDue = true;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#kick();
    }, RETRY_MS);
  }

  /** Local side only: transceivers, directions, tracks. */
  async #arrange(): Promise<void> {
    for (const [source, slot] of this.#slots) {
      if (this.#wanted.has(source) || !slot.active) continue;
      slot.active = false;
      slot.track = null;
      slot.transceiver.direction = 'inactive';
      await slot.transceiver.sender.replaceTrack(null);
      this.#offerDue = true;
    }
    for (const [source, wanted] of this.#wanted) {
      const slot = this.#slots.get(source);
      if (!slot) {
        if (wanted.track) this.#add(source, wanted);
        continue;
      }
      if (!slot.active && wanted.track) {
        slot.active = true;
        slot.toldMuted = wanted.muted;
        slot.transceiver.direction = 'sendonly';
        this.#offerDue = true;
      }
      if (slot.transceiver.sender.track !== wanted.track) await slot.transceiver.sender.replaceTrack(wanted.track);
    }
  }

  #add(source: Source, wanted: Wanted): void {
    const track = wanted.track;
    if (!track) return;
    const sendEncodings = encodings(source);
    const init: RTCRtpTransceiverInit = { direction: 'sendonly', ...(sendEncodings && { sendEncodings }) };
    const transceiver = this.pc.addTransceiver(track, init);
    this.#slots.set(source, { transceiver, active: true, track: null, toldMuted: wanted.muted });
    this.#offerDue = true;
  }

  async #negotiate(): Promise<void> {
    this.#offerDue = false;
    const iceRestart = this.#restartDue;
    this.#restartDue = false;
    try {
      await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart }));
      const listed = [...this.#slots].filter(([, slot]) => slot.active);
      const muted = new Map(listed.map(([source]) => [source, this.#wanted.get(source)?.muted ?? true]));
      const answer = (await this.#deps.request({
        type: 'publish',
        sdp: this.pc.localDescription?.sdp ?? '',
        tracks: listed.map(([source, slot]) => ({
          mid: slot.transceiver.mid ?? '',
          source,
          muted: muted.get(source) ?? true,
        })),
      })) as PublishedMessage;
      if (this.#closed) return;
      await this.pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
      for (const [source, slot] of listed) {
        slot.toldMuted = muted.get(source) ?? true;
        const published = answer.tracks.find((entry) => entry.mid === slot.transceiver.mid);
        slot.track = published?.track ?? null;
      }
    } catch (error) {
      this.#offerDue = true;
      this.#restartDue = iceRestart;
      throw error;
    }
  }

  async #tellMutes(): Promise<void> {
    for (const [source, slot] of this.#slots) {
      const wanted = this.#wanted.get(source);
      if (!slot.active || slot.track === null || !wanted || slot.toldMuted === wanted.muted) continue;
      const before = slot.toldMuted;
      slot.toldMuted = wanted.muted;
      try {
        await this.#deps.request({ type: 'mute', track: slot.track, muted: wanted.muted });
      } catch (error) {
        slot.toldMuted = before;
        throw error;
      }
    }
  }
}
