// SPDX-License-Identifier: Apache-2.0
/**
 * subscriber.ts - the peer connection that receives (PROTOCOL.md section 5): answers the server's offers in order
 * and says which MediaStreamTrack carries which track of which person.
 */
import type { Source, SubscribeMessage } from './protocol';
import { Store } from './store';

export interface RemoteTrack {
  readonly track: string;
  readonly participant: string;
  readonly source: Source;
  /** A stream of its own: elements play streams. A reused m-section gets a new one. */
  readonly stream: MediaStream;
  readonly receiver: RTCRtpReceiver;
}

export type RemoteTracks = ReadonlyMap<string, RemoteTrack>;

export interface SubscriberDeps {
  answer(rev: number, sdp: string): void;
  /** An offer could not be answered: only joining afresh helps. */
  onFailure(): void;
}

export class Subscriber {
  readonly pc: RTCPeerConnection;
  readonly tracks = new Store<RemoteTracks>(new Map());
  readonly #deps: SubscriberDeps;
  #queue: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(config: RTCConfiguration, deps: SubscriberDeps) {
    this.pc = new RTCPeerConnection(config);
    this.#deps = deps;
  }

  onOffer(offer: SubscribeMessage): void {
    this.#queue = this.#queue
      .then(() => (this.#closed ? undefined : this.#answer(offer)))
      .catch(() => {
        if (!this.#closed) this.#deps.onFailure();
      });
  }

  close(): void {
    this.#closed = true;
    this.pc.close();
    this.tracks.set(new Map());
  }

  async #answer(offer: SubscribeMessage): Promise<void> {
    await this.pc.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    if (this.#closed) return;
    this.#map(offer);
    this.#deps.answer(offer.rev, this.pc.localDescription?.sdp ?? '');
  }

  #map(offer: SubscribeMessage): void {
    const transceivers = new Map(this.pc.getTransceivers().map((transceiver) => [transceiver.mid, transceiver]));
    const before = this.tracks.get();
    const next = new Map<string, RemoteTrack>();
    for (const entry of offer.tracks) {
      const transceiver = transceivers.get(entry.mid);
      if (!transceiver) continue;
      const { receiver } = transceiver;
      const known = before.get(entry.track);
      if (known?.receiver === receiver && known.participant === entry.participant) next.set(entry.track, known);
      else
        next.set(entry.track, {
          track: entry.track,
          participant: entry.participant,
          source: entry.source,
          stream: new MediaStream([receiver.track]),
          receiver,
        });
    }
    this.tracks.set(next);
  }
}
