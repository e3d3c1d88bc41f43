// SPDX-License-Identifier: Apache-2.0
// Somebody whose WebRTC is neither a browser's nor ours: werift, a pure TypeScript stack, speaking PROTOCOL.md by hand.
// It encodes and decodes nothing: RTP goes in and comes out.
import { randomBytes } from 'node:crypto';
import { request } from 'node:https';
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, RtpHeader, RtpPacket } from 'werift';
import WebSocket from 'ws';
import type { Server } from './server.ts';

interface Message {
  type: string;
  re?: number;
  rev?: number;
  sdp?: string;
}

const AUDIO_MS = 20;
const FRAME_MS = 66;

/** A VP8 payload: descriptor with S = 1, then a key frame's start (RFC 6386 section 9.1) or an inter frame's, then filling. */
function vp8(key: boolean): Buffer {
  const frame = key ? [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00] : [0x11, 0x02, 0x00];
  return Buffer.from([0x10, ...frame, ...new Array<number>(300).fill(0)]);
}

export class ForeignClient {
  /** RTP packets that arrived */
  readonly received = { audio: 0, video: 0 };
  /** `error`, `refused`, `closing` */
  readonly complaints: Message[] = [];
  #subscriber: RTCPeerConnection | undefined;
  #publisher: RTCPeerConnection | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #waiting = new Map<number, (answer: Message) => void>();
  #lastId = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => void this.#take(JSON.parse(String(data)) as Message));
  }

  static async enter(server: Server, room: string, name: string): Promise<ForeignClient> {
    const ticket = await buyTicket(server, room, name);
    const socket = new WebSocket(`${server.origin.replace('https', 'wss')}/visio/ws`, 'consilium-visio-1', {
      rejectUnauthorized: false,
      origin: server.origin,
    });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const client = new ForeignClient(socket);
    const welcome = await client.#ask({ type: 'join', version: 1, ticket });
    if (welcome.type !== 'welcome') throw new Error(JSON.stringify(welcome));
    client.#timers.push(setInterval(() => client.#send({ type: 'ping', id: ++client.#lastId }), 4000));
    await client.#publish();
    return client;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#send({ type: 'leave' });
    await new Promise((resolve) => this.socket.once('close', resolve));
    await this.#publisher?.close();
    await this.#subscriber?.close();
  }

  #connection(): RTCPeerConnection {
    return new RTCPeerConnection({
      iceServers: [],
      iceAdditionalHostAddresses: ['127.0.0.1'],
      codecs: {
        audio: [new RTCRtpCodecParameters({ mimeType: 'audio/opus', clockRate: 48000, channels: 2 })],
        video: [
          new RTCRtpCodecParameters({
            mimeType: 'video/VP8',
            clockRate: 90000,
            rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
          }),
        ],
      },
    });
  }

  async #publish(): Promise<void> {
    const pc = (this.#publisher = this.#connection());
    const audio = new MediaStreamTrack({ kind: 'audio' });
    const video = new MediaStreamTrack({ kind: 'video' });
    pc.addTransceiver(audio, { direction: 'sendonly' });
    pc.addTransceiver(video, { direction: 'sendonly' });
    await pc.setLocalDescription(await pc.createOffer());
    const tracks = pc.getTransceivers().map((t) => ({ mid: t.mid, source: t.kind === 'audio' ? 'mic' : 'camera', muted: false }));
    const answer = await this.#ask({ type: 'publish', sdp: pc.localDescription?.sdp, tracks });
    if (answer.type !== 'published' || !answer.sdp) throw new Error(JSON.stringify(answer));
    await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    let spoken = 0;
    let shown = 0;
    this.#timers.push(
      setInterval(() => {
        const header = new RtpHeader({ payloadType: 96, sequenceNumber: ++spoken & 0xffff, timestamp: spoken * 960, ssrc: 1 });
        audio.writeRtp(new RtpPacket(header, Buffer.alloc(80, 1)));
      }, AUDIO_MS),
      setInterval(() => {
        const header = new RtpHeader({ payloadType: 97, sequenceNumber: ++shown & 0xffff, timestamp: shown * 6000, ssrc: 2, marker: true });
        video.writeRtp(new RtpPacket(header, vp8(shown % 15 === 1)));
      }, FRAME_MS),
    );
  }

  async #take(message: Message): Promise<void> {
    if (message.re !== undefined) {
      this.#waiting.get(message.re)?.(message);
      this.#waiting.delete(message.re);
    }
    if (['error', 'refused', 'closing'].includes(message.type)) this.complaints.push(message);
    if (message.type !== 'subscribe' || !message.sdp) return;
    const pc = (this.#subscriber ??= this.#listen());
    await pc.setRemoteDescription({ type: 'offer', sdp: message.sdp });
    await pc.setLocalDescription(await pc.createAnswer());
    this.#send({ type: 'subscribed', rev: message.rev, sdp: pc.localDescription?.sdp });
  }

  #listen(): RTCPeerConnection {
    const pc = this.#connection();
    pc.onTrack.subscribe((track) =>
      track.onReceiveRtp.subscribe(() => {
        this.received[track.kind === 'audio' ? 'audio' : 'video']++;
      }),
    );
    return pc;
  }

  #send(message: object): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #ask(message: object): Promise<Message> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ ...message, id });
    });
  }
}

function buyTicket(server: Server, room: string, name: string): Promise<string> {
  const body = JSON.stringify({ name, identity: randomBytes(16).toString('hex') });
  return new Promise((resolve, reject) => {
    const call = request(
      `${server.origin}/api/v1/visio/open-rooms/${room}/tickets`,
      {
        method: 'POST',
        rejectUnauthorized: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (answer) => {
        let text = '';
        answer.on('data', (chunk) => (text += String(chunk)));
        answer.on('end', () => resolve((JSON.parse(text) as { ticket: string }).ticket));
      },
    );
    call.on('error', reject).end(body);
  });
}
