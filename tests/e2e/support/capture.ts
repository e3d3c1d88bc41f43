// SPDX-License-Identifier: Apache-2.0
// What each person's camera shows and microphone hears: files for Chromium's fake capture devices, made here. Every
// person has a colour and a tone of their own, so that a decoded picture or a sound names whom it comes from.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Signature {
  /** of the background, in front of which a white bar moves */
  rgb: [number, number, number];
  /** of the tone, which comes in bursts: a steady tone would be taken for noise and suppressed */
  hz: number;
}

/** No tone is near a multiple of another. */
export const SIGNATURES: Signature[] = [
  { rgb: [210, 40, 40], hz: 440 },
  { rgb: [40, 170, 60], hz: 630 },
  { rgb: [50, 70, 220], hz: 850 },
  { rgb: [220, 200, 40], hz: 1130 },
];

const WIDTH = 320;
const HEIGHT = 180;
const FPS = 15;
const FRAMES = 40;

/** BT.601, limited range, as Chromium reads Y4M. */
function yuv([r, g, b]: [number, number, number]): [number, number, number] {
  return [
    Math.round(16 + 0.257 * r + 0.504 * g + 0.098 * b),
    Math.round(128 - 0.148 * r - 0.291 * g + 0.439 * b),
    Math.round(128 + 0.439 * r - 0.368 * g - 0.071 * b),
  ];
}

function y4m(rgb: [number, number, number]): Buffer {
  const [y, u, v] = yuv(rgb);
  const white = yuv([255, 255, 255]);
  const chunks = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FPS}:1 Ip A1:1 C420jpeg\n`)];
  for (let frame = 0; frame < FRAMES; frame++) {
    const planes = Buffer.alloc((WIDTH * HEIGHT * 3) / 2);
    const bar = Math.floor((frame * (WIDTH - 48)) / FRAMES) & ~1;
    const fill = (start: number, width: number, height: number, value: number, barValue: number, scale: number) => {
      for (let row = 0; row < height; row++) {
        planes.fill(value, start + row * width, start + (row + 1) * width);
        planes.fill(barValue, start + row * width + bar / scale, start + row * width + (bar + 48) / scale);
      }
    };
    const luma = WIDTH * HEIGHT;
    fill(0, WIDTH, HEIGHT, y, white[0], 1);
    fill(luma, WIDTH / 2, HEIGHT / 2, u, white[1], 2);
    fill(luma + luma / 4, WIDTH / 2, HEIGHT / 2, v, white[2], 2);
    chunks.push(Buffer.from('FRAME\n'), planes);
  }
  return Buffer.concat(chunks);
}

/** Two seconds: four bursts of 350 ms with soft edges. */
function wav(hz: number): Buffer {
  const rate = 48_000;
  const samples = rate * 2;
  const data = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i++) {
    const inBurst = (i % (rate / 2)) / rate;
    const envelope = inBurst < 0.35 ? Math.min(1, inBurst / 0.02, (0.35 - inBurst) / 0.02) : 0;
    data.writeInt16LE(Math.round(12_000 * envelope * Math.sin((2 * Math.PI * hz * i) / rate)), i * 2);
  }
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // mono
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

/** Writes the files of one signature into `folder`. */
export function captureFiles(folder: string, index: number): { video: string; audio: string } {
  const signature = SIGNATURES[index];
  if (!signature) throw new Error(`there are only ${SIGNATURES.length} signatures`);
  mkdirSync(folder, { recursive: true });
  const video = join(folder, `camera${index}.y4m`);
  const audio = join(folder, `microphone${index}.wav`);
  writeFileSync(video, y4m(signature.rgb));
  writeFileSync(audio, wav(signature.hz));
  return { video, audio };
}
