// SPDX-License-Identifier: Apache-2.0
// Runs inside the page, before any of its scripts: looks at what the page shows and plays. It must be self-contained,
// for it is sent to the browser as text; it needs nothing of the application but its media elements.

export interface Look {
  /** which of the colours most of the picture has, -1 for none of them */
  colour: number;
  /** 0..1, share of the picture that has it */
  share: number;
  /** a number that follows the picture's content */
  content: number;
  width: number;
  height: number;
}

export interface Probe {
  /** The picture that this element's first video shows now; null if it has decoded none. */
  look(element: Element): Look | null;
  /** Waits until the picture is mostly of this colour of the palette; returns when (Date.now()). */
  colour(element: Element, colour: number, timeoutMs: number): Promise<number>;
  /** Waits for three new frames, each of other content than the one before; returns when the last came (Date.now()). */
  moves(element: Element, timeoutMs: number): Promise<number>;
  /** Loudest level of each tone, 0..1, in what the page plays aloud during this time. */
  heard(hz: number[], ms: number): Promise<number[]>;
}

/** The init script; `palette` are the colours that look() knows. */
export function installProbe(palette: [number, number, number][]): void {
  const canvas = document.createElement('canvas');
  canvas.width = 32;
  canvas.height = 18;
  const painter = canvas.getContext('2d', { willReadFrequently: true });
  let audio: AudioContext | undefined;
  const taps = new Map<string, AnalyserNode>();

  const videoOf = (element: Element): HTMLVideoElement | null =>
    element instanceof HTMLVideoElement ? element : element.querySelector('video');

  const distance = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + ((b[i] ?? 0) - v) ** 2, 0);

  const look = (element: Element): Look | null => {
    const video = videoOf(element);
    if (!video || !painter || video.readyState < 2 || video.videoWidth === 0) return null;
    painter.drawImage(video, 0, 0, canvas.width, canvas.height);
    const pixels = painter.getImageData(0, 0, canvas.width, canvas.height).data;
    const votes = palette.map(() => 0);
    let content = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      const rgb = [pixels[i] ?? 0, pixels[i + 1] ?? 0, pixels[i + 2] ?? 0];
      content += ((rgb[0] ?? 0) + (rgb[1] ?? 0) * 3 + (rgb[2] ?? 0) * 5) * (i / 4 + 1);
      const nearest = palette.reduce((best, c, at) => (distance(rgb, c) < distance(rgb, palette[best] ?? []) ? at : best), 0);
      if (distance(rgb, palette[nearest] ?? []) < 6000) votes[nearest] = (votes[nearest] ?? 0) + 1;
    }
    const most = votes.reduce((best, n, at) => (n > (votes[best] ?? 0) ? at : best), 0);
    const share = (votes[most] ?? 0) / (canvas.width * canvas.height);
    return { colour: share > 0.5 ? most : -1, share, content, width: video.videoWidth, height: video.videoHeight };
  };

  const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

  /** Calls `done` until it is true; fails when the time is over or the page took the element away or gave it to
   * somebody else. */
  const until = async (element: Element, timeoutMs: number, what: string, done: () => boolean): Promise<number> => {
    const end = performance.now() + timeoutMs;
    const whose = element.getAttribute('data-name');
    while (!done()) {
      if (performance.now() > end) throw new Error(`${what} in ${timeoutMs} ms; the picture: ${JSON.stringify(look(element))}`);
      if (!element.isConnected || element.getAttribute('data-name') !== whose) throw new Error('the page has replaced the element');
      await pause(30);
    }
    return Date.now();
  };

  const colour = (element: Element, wanted: number, timeoutMs: number): Promise<number> =>
    until(element, timeoutMs, `not of colour ${wanted}`, () => look(element)?.colour === wanted);

  const moves = async (element: Element, timeoutMs: number): Promise<number> => {
    let fresh = false;
    let changes = -1;
    let content: number | undefined;
    let watched: HTMLVideoElement | null = null;
    const onFrame = () => {
      fresh = true;
    };
    return until(element, timeoutMs, 'no moving picture', () => {
      const video = videoOf(element);
      if (!video) return false;
      if (fresh || video !== watched) {
        if (fresh) {
          const now = look(element)?.content;
          if (now !== undefined && now !== content) changes++;
          content = now ?? content;
        }
        fresh = false;
        watched = video;
        video.requestVideoFrameCallback(onFrame);
      }
      return changes >= 3;
    });
  };

  /** One analyser for each stream that an unmuted, playing element plays. */
  const analysers = (): AnalyserNode[] => {
    audio ??= new AudioContext();
    if (audio.state !== 'running') void audio.resume();
    const now: AnalyserNode[] = [];
    for (const element of document.querySelectorAll<HTMLMediaElement>('audio, video')) {
      const stream = element.srcObject;
      if (element.muted || element.paused || element.volume === 0 || !(stream instanceof MediaStream)) continue;
      const tracks = stream.getAudioTracks().filter((t) => t.readyState === 'live' && t.enabled);
      if (tracks.length === 0) continue;
      const key = tracks.map((t) => t.id).join();
      let tap = taps.get(key);
      if (!tap) {
        tap = audio.createAnalyser();
        tap.fftSize = 4096;
        audio.createMediaStreamSource(new MediaStream(tracks)).connect(tap);
        taps.set(key, tap);
      }
      now.push(tap);
    }
    return now;
  };

  /** Goertzel: the amplitude of one tone in the samples. */
  const level = (samples: Float32Array, hz: number, rate: number): number => {
    const w = 2 * Math.cos((2 * Math.PI * hz) / rate);
    let a = 0;
    let b = 0;
    samples.forEach((sample, i) => {
      const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / samples.length);
      [a, b] = [sample * window + w * a - b, a];
    });
    return (4 * Math.sqrt(Math.max(0, a * a + b * b - w * a * b))) / samples.length;
  };

  const heard = async (hz: number[], ms: number): Promise<number[]> => {
    const loudest = hz.map(() => 0);
    const end = performance.now() + ms;
    while (performance.now() < end) {
      for (const tap of analysers()) {
        const samples = new Float32Array(tap.fftSize);
        tap.getFloatTimeDomainData(samples);
        hz.forEach((f, i) => {
          loudest[i] = Math.max(loudest[i] ?? 0, level(samples, f, tap.context.sampleRate));
        });
      }
      await pause(50);
    }
    return loudest;
  };

  (window as unknown as { __probe: Probe }).__probe = { look, colour, moves, heard };
}
