// SPDX-License-Identifier: Apache-2.0
/** levels.ts - how loud: the own microphone (meter), and which of the others are speaking (ring). */
import type { RemoteTracks } from './subscriber';

/** Maps a root mean square of samples (0..1) to a meter (0..1): -60 dB is empty, -10 dB is full. */
export function meterLevel(rms: number): number {
  if (rms <= 0) return 0;
  const db = 20 * Math.log10(rms);
  return Math.min(1, Math.max(0, (db + 60) / 50));
}

/** Calls `onLevel` about ten times a second with 0..1 until closed. Silent where Web Audio does not run. */
export class LevelMeter {
  readonly #context: AudioContext;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(track: MediaStreamTrack, onLevel: (level: number) => void) {
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      onLevel(meterLevel(Math.sqrt(sum / samples.length)));
    }, 100);
    window.addEventListener('pointerdown', this.#wake);
    window.addEventListener('keydown', this.#wake);
  }

  close(): void {
    clearInterval(this.#timer);
    window.removeEventListener('pointerdown', this.#wake);
    window.removeEventListener('keydown', this.#wake);
    void this.#context.close().catch(() => undefined);
  }

  /** A browser may keep the context asleep until the person touches the page. */
  readonly #wake = (): void => {
    if (this.#context.state === 'suspended') void this.#context.resume().catch(() => undefined);
  };
}

/** -46 dBov and louder counts as speech; the ring stays for a second, so that it does not blink between words. */
const SPEECH = 0.005;
const HOLD_MS = 1000;

/** Who was heard lately, from the audio levels that come with the packets. */
export class SpeakingWatch {
  /** Levels have been seen at all: some connections do not carry them. */
  levelsKnown = false;
  readonly #heard = new Map<string, number>();
  readonly #seen = new WeakMap<RTCRtpReceiver, number>();

  /**
   * @param now_ms  any monotonic clock
   * @returns ids of participants heard in the last second
   */
  poll(tracks: RemoteTracks, now_ms: number): Set<string> {
    for (const remote of tracks.values()) {
      if (remote.source !== 'mic') continue;
      const source = remote.receiver.getSynchronizationSources?.()[0];
      // A source stays listed for 10 s after its last packet: only one that moved counts.
      if (!source || this.#seen.get(remote.receiver) === source.timestamp) continue;
      this.#seen.set(remote.receiver, source.timestamp);
      this.levelsKnown ||= source.audioLevel !== undefined;
      if ((source.audioLevel ?? 0) >= SPEECH) this.#heard.set(remote.participant, now_ms);
    }
    const speaking = new Set<string>();
    for (const [participant, at] of this.#heard) {
      if (now_ms - at < HOLD_MS) speaking.add(participant);
      else this.#heard.delete(participant);
    }
    return speaking;
  }
}
