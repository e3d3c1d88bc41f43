// SPDX-License-Identifier: Apache-2.0
// Firefox and Chromium in one room, both ways.
import { test, expect } from './support/fixtures.ts';
import { FirefoxPerson, FIREFOX_HZ } from './support/firefox.ts';

test('F67: Firefox and Chromium see and hear each other', async ({ room, person }, info) => {
  const ana = await person('Ana');
  const fox = await FirefoxPerson.create();
  try {
    await ana.enter(room);
    await fox.enter(room, 'Renard');
    await fox.sees('Ana', 0);
    await ana.moves(ana.tile('Renard'));

    // What Firefox hears: Ana's bursts while she speaks, nothing once she is muted.
    const during = async () => {
      const before = await fox.audioEnergy();
      await ana.levels();
      return (await fox.audioEnergy()) - before;
    };
    await expect.poll(during, { timeout: 15_000 }).toBeGreaterThan(0.001);
    await ana.control('mic').click();
    await expect.poll(during, { timeout: 15_000 }).toBeLessThan(0.0001);

    // What Chromium hears: Firefox's tone, until Firefox mutes it.
    const tone = async () => (await ana.page.evaluate((hz) => window.__probe.heard([hz], 750), FIREFOX_HZ))[0] ?? 0;
    await expect.poll(tone, { timeout: 15_000 }).toBeGreaterThan(0.02);
    await fox.click('control-mic');
    await expect(ana.tile('Renard')).toHaveAttribute('data-muted-audio', 'true');
    await expect.poll(tone, { timeout: 15_000 }).toBeLessThan(0.002);
    expect(fox.errors).toEqual([]);
  } finally {
    if (info.status !== info.expectedStatus || info.errors.length > 0) await fox.page.screenshot({ path: info.outputPath('firefox.png') }).catch(() => undefined);
    await fox.close();
  }
});
