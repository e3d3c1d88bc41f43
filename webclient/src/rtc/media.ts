// SPDX-License-Identifier: Apache-2.0
/**
 * media.ts - the person's own camera, microphone and speaker: permission, choice, on and off.
 *
 * The microphone stays open while muted (a mute button must act at once); the camera is closed when off, so that
 * its light goes out. One for the life of the page: the pre-join page and the call share it.
 */
import { preference, setPreference } from './storage';
import { Store } from './store';

/** Why there is no track: `denied` by the person or a policy, `missing` device, `in_use` by another program,
 *  `insecure` page (http) or a browser without getUserMedia, `failed` otherwise. */
export type MediaProblem = 'denied' | 'missing' | 'in_use' | 'insecure' | 'failed';
export type DeviceKind = 'mic' | 'camera' | 'speaker';

export interface DeviceChoice {
  readonly id: string;
  readonly label: string;
}

export interface InputState {
  /** The person wants it on. */
  readonly on: boolean;
  readonly track: MediaStreamTrack | null;
  readonly problem: MediaProblem | null;
  /** Being opened right now. */
  readonly busy: boolean;
  readonly selected: string | null;
}

export interface MediaState {
  readonly mic: InputState;
  readonly camera: InputState;
  readonly speaker: string;
  readonly devices: Readonly<Record<DeviceKind, readonly DeviceChoice[]>>;
}

type Input = 'mic' | 'camera';

/** On as far as the person can tell: not when it could not be opened. */
export function isOn(input: InputState): boolean {
  return input.on && input.problem === null;
}

export function mediaProblem(error: unknown): MediaProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  if (name === 'NotFoundError' || name === 'OverconstrainedError' || name === 'DevicesNotFoundError') return 'missing';
  if (name === 'NotReadableError' || name === 'AbortError' || name === 'TrackStartError') return 'in_use';
  return 'failed';
}

/** The browser lets the page choose where sound comes out. */
export function canChooseSpeaker(): boolean {
  return typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;
}

export function canShareScreen(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === 'function';
}

function micConstraints(id: string | null): MediaTrackConstraints {
  return {
    ...(id && { deviceId: { ideal: id } }),
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
  };
}

function cameraConstraints(id: string | null): MediaTrackConstraints {
  return {
    ...(id ? { deviceId: { ideal: id } } : { facingMode: 'user' }),
    width: { min: 320, ideal: 1280, max: 1280 },
    height: { min: 180, ideal: 720, max: 720 },
    frameRate: { ideal: 30, max: 30 },
  };
}

const off: InputState = { on: false, track: null, problem: null, busy: false, selected: null };

export class LocalMedia extends Store<MediaState> {
  /** Newest request for each input: an older getUserMedia that comes late is put away. */
  readonly #wish = { mic: 0, camera: 0 };

  constructor() {
    super({
      mic: { ...off, on: preference('mic_on') !== '0', selected: preference('mic') },
      camera: { ...off, on: preference('camera_on') !== '0', selected: preference('camera') },
      speaker: preference('speaker') ?? '',
      devices: { mic: [], camera: [], speaker: [] },
    });
    navigator.mediaDevices?.addEventListener?.('devicechange', () => void this.refreshDevices());
  }

  /** Opens what is wanted, with one question to the person where the browser can. Never rejects. */
  async start(): Promise<void> {
    const { mic, camera } = this.get();
    if (mic.on && camera.on && !(await this.#openBoth())) {
      // One of the two may work alone; a refusal is not asked again.
      await this.#openUnlessDenied('mic');
      await this.#openUnlessDenied('camera');
    } else {
      if (mic.on && !this.get().mic.track) await this.#open('mic');
      if (camera.on && !this.get().camera.track) await this.#open('camera');
    }
    await this.refreshDevices();
  }

  async setMic(on: boolean): Promise<void> {
    setPreference('mic_on', on ? '1' : '0');
    this.#patch('mic', { on, problem: null });
    const { track } = this.get().mic;
    if (track) track.enabled = on;
    else if (on) await this.#open('mic');
  }

  /** Push to talk and a moderator's mute: for now only, not remembered. */
  holdMic(on: boolean): void {
    this.#patch('mic', { on });
    const { track } = this.get().mic;
    if (track) track.enabled = on;
  }

  async setCamera(on: boolean): Promise<void> {
    setPreference('camera_on', on ? '1' : '0');
    this.#patch('camera', { on, problem: null });
    if (on) {
      if (!this.get().camera.track) await this.#open('camera');
    } else this.#release('camera');
  }

  async select(kind: DeviceKind, id: string): Promise<void> {
    setPreference(kind, id);
    if (kind === 'speaker') {
      this.set({ ...this.get(), speaker: id });
      return;
    }
    this.#patch(kind, { selected: id });
    if (this.get()[kind].on || kind === 'mic') await this.#open(kind);
  }

  async refreshDevices(): Promise<void> {
    if (!navigator.mediaDevices?.enumerateDevices) return;
    const found = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    const of = (kind: MediaDeviceKind): DeviceChoice[] =>
      found.filter((device) => device.kind === kind && device.deviceId !== '')
        .map((device) => ({ id: device.deviceId, label: device.label }));
    this.set({
      ...this.get(),
      devices: { mic: of('audioinput'), camera: of('videoinput'), speaker: of('audiooutput') },
    });
  }

  /** Entering without a device that could not be opened: it is off then, and no longer a problem. */
  settle(): void {
    for (const input of ['mic', 'camera'] as const)
      if (this.get()[input].problem !== null) this.#patch(input, { on: false, problem: null });
  }

  /** Lights off; what is wanted stays wanted, `start` opens it again. */
  stop(): void {
    this.#release('mic');
    this.#release('camera');
  }

  #patch(input: Input, change: Partial<InputState>): void {
    this.set({ ...this.get(), [input]: { ...this.get()[input], ...change } });
  }

  #release(input: Input): void {
    this.#wish[input] += 1;
    const { track } = this.get()[input];
    this.#patch(input, { track: null, busy: false });
    track?.stop();
  }

  async #openBoth(): Promise<boolean> {
    if (!navigator.mediaDevices?.getUserMedia) return false;
    const wishes = { mic: ++this.#wish.mic, camera: ++this.#wish.camera };
    this.#patch('mic', { busy: true });
    this.#patch('camera', { busy: true });
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: micConstraints(this.get().mic.selected),
        video: cameraConstraints(this.get().camera.selected),
      });
      this.#adopt('mic', stream.getAudioTracks()[0], wishes.mic);
      this.#adopt('camera', stream.getVideoTracks()[0], wishes.camera);
      return true;
    } catch {
      this.#patch('mic', { busy: false });
      this.#patch('camera', { busy: false });
      return false;
    }
  }

  async #openUnlessDenied(input: Input): Promise<void> {
    const name = (input === 'mic' ? 'microphone' : 'camera') as PermissionName;
    const status = await navigator.permissions?.query({ name }).catch(() => null);
    if (status?.state === 'denied') this.#patch(input, { problem: 'denied' });
    else if (this.get()[input].on && !this.get()[input].track) await this.#open(input);
  }

  async #open(input: Input): Promise<void> {
    if (!navigator.mediaDevices?.getUserMedia) {
      this.#patch(input, { problem: 'insecure', busy: false });
      return;
    }
    const wish = ++this.#wish[input];
    const { selected } = this.get()[input];
    this.#patch(input, { busy: true });
    // Some drivers open a camera only once: close the old one before another is asked for.
    if (input === 'camera') this.get().camera.track?.stop();
    try {
      const stream = await navigator.mediaDevices.getUserMedia(
        input === 'mic' ? { audio: micConstraints(selected) } : { video: cameraConstraints(selected) },
      );
      this.#adopt(input, stream.getTracks()[0], wish);
      void this.refreshDevices();
    } catch (error) {
      if (wish !== this.#wish[input]) return;
      this.get()[input].track?.stop();
      this.#patch(input, { track: null, busy: false, problem: mediaProblem(error) });
    }
  }

  #adopt(input: Input, track: MediaStreamTrack | undefined, wish: number): void {
    const state = this.get()[input];
    if (!track || wish !== this.#wish[input] || (input === 'camera' && !state.on)) {
      track?.stop();
      if (wish === this.#wish[input]) this.#patch(input, { busy: false });
      return;
    }
    state.track?.stop();
    track.enabled = input === 'camera' || state.on;
    if ('contentHint' in track) track.contentHint = input === 'mic' ? 'speech' : 'motion';
    // Unplugged, or taken away by the system: fall back to what is left.
    track.addEventListener('ended', () => {
      if (this.get()[input].track !== track) return;
      this.#patch(input, { track: null });
      if (this.get()[input].on) void this.#open(input);
    });
    this.#patch(input, { track, busy: false, problem: null });
  }
}
