// SPDX-License-Identifier: Apache-2.0
// A WebRTC stack that is neither a browser's nor ours takes part by following PROTOCOL.md.
import { test, expect } from './support/fixtures.ts';
import { ForeignClient } from './support/foreign.ts';

test('B1: a third-party WebRTC client and Chromium exchange audio and video', async ({ server, room, person }) => {
  const ana = await person('Ana');
  await ana.enter(room);
  const foreign = await ForeignClient.enter(server, new URL(room).pathname.split('/').at(-1) ?? '', 'Werift');
  try {
    await expect(ana.tile('Werift')).toBeVisible();

    // What Ana sends arrives there, and goes on arriving.
    for (const kind of ['audio', 'video'] as const) {
      const before = foreign.received[kind];
      await expect.poll(() => foreign.received[kind] - before, { message: kind, timeout: 15_000 }).toBeGreaterThan(30);
    }

    // What it sends arrives at Ana.
    const packets = (source: string) =>
      ana.page.evaluate(async (wanted) => {
        const { __consilium } = window as unknown as {
          __consilium: { stats(): Promise<{ source: string; packets: number }[]> };
        };
        const tracks = await __consilium.stats();
        return tracks.find((track) => track.source === wanted)?.packets ?? 0;
      }, source);
    for (const source of ['mic', 'camera'])
      await expect.poll(() => packets(source), { message: source, timeout: 15_000 }).toBeGreaterThan(30);

    // Muted, nothing more of hers comes through.
    await ana.control('mic').click();
    await expect
      .poll(
        async () => {
          const before = foreign.received.audio;
          await new Promise((resolve) => setTimeout(resolve, 300));
          return foreign.received.audio - before;
        },
        { timeout: 10_000 },
      )
      .toBe(0);
    expect(foreign.complaints).toEqual([]);
  } finally {
    await foreign.close();
  }
  await expect(ana.tile('Werift')).toHaveCount(0);
});
