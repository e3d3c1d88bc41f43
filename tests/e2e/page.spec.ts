// SPDX-License-Identifier: Apache-2.0
// The visio page as a page: accessibility (B37), languages (B39), keyboard, phone, permissions.
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { test, expect } from './support/fixtures.ts';

async function accessible(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  expect(violations.map((v) => `${where}: ${v.id}: ${v.help} (${v.nodes.map((n) => n.target.join(' ')).join(', ')})`)).toEqual([]);
}

test('B37: axe finds nothing before, alone, in a call, and after it', async ({ server, room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  await ana.page.goto(server.origin);
  await ana.page.locator('main').waitFor();
  await accessible(ana.page, 'home');
  await ana.open(room);
  await accessible(ana.page, 'before entering');
  await ana.join();
  await expect(ana.get('waiting')).toBeVisible();
  await accessible(ana.page, 'alone');
  await bob.enter(room);
  await ana.sees(ana.tile(bob), 1);
  await accessible(ana.page, 'in a call');
  await ana.control('follow').click();
  await accessible(ana.page, 'following the speaker');
  await bob.control('share').click();
  await ana.moves(ana.tile(bob, 'screen'));
  await accessible(ana.page, 'with a shared screen');
  await ana.control('leave').click();
  await expect(ana.get('left-page')).toBeVisible();
  await accessible(ana.page, 'after leaving');
});

test('B37: entering, muting and leaving by keyboard alone', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  await bob.enter(room);
  await ana.page.goto(room);
  await expect(ana.get('prejoin-join')).toBeVisible();

  /** Tab until the element has the focus. */
  const tabTo = async (testId: string) => {
    for (let i = 0; i < 40; i++) {
      if (await ana.get(testId).evaluate((e) => e === document.activeElement)) return;
      await ana.page.keyboard.press('Tab');
    }
    throw new Error(`${testId} cannot be reached with the Tab key`);
  };
  await tabTo('prejoin-name');
  await ana.page.keyboard.type('Ana');
  await ana.page.keyboard.press('Enter');
  await expect(ana.control('leave')).toBeVisible();
  await bob.hears(0);

  await tabTo('control-mic');
  await ana.page.keyboard.press('Enter');
  await expect(bob.tile(ana)).toHaveAttribute('data-muted-audio', 'true');
  await bob.hears();
  await ana.page.keyboard.press('m');
  await expect(bob.tile(ana)).toHaveAttribute('data-muted-audio', 'false');
  await ana.page.keyboard.press('v');
  await expect(bob.tile(ana)).toHaveAttribute('data-muted-video', 'true');

  await tabTo('control-leave');
  await ana.page.keyboard.press('Space');
  await expect(ana.get('left-page')).toBeVisible();
});

test('F67: usable on a phone 360 pixels wide', async ({ room, person }) => {
  const ana = await person('Ana', { viewport: { width: 360, height: 640 } });
  const bob = await person('Bob');
  const eve = await person('Eve');
  const fits = async () => {
    const width = await ana.page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, 'nothing to scroll sideways').toBeLessThanOrEqual(360);
  };
  await ana.open(room);
  await fits();
  await ana.join();
  for (const one of [bob, eve]) await one.enter(room);
  await ana.sees(ana.tile(bob), 1);
  await ana.sees(ana.tile(eve), 2);
  await fits();
  for (const which of ['follow', 'share', 'camera', 'mic', 'leave'] as const) {
    // A phone has no screen to share: that control may be missing, not cut off.
    if (which === 'share' && (await ana.control(which).count()) === 0) continue;
    const box = await ana.control(which).boundingBox();
    expect(box, `control-${which} is there`).not.toBeNull();
    expect(box!.x).toBeGreaterThanOrEqual(0);
    expect(box!.x + box!.width).toBeLessThanOrEqual(360);
    expect(box!.y + box!.height).toBeLessThanOrEqual(640);
    expect(Math.min(box!.width, box!.height), `control-${which} can be hit with a finger`).toBeGreaterThanOrEqual(44);
  }
});

test('B39: French by default, English on request, and it is remembered', async ({ room, person }) => {
  const ana = await person('Ana');
  await ana.open(room);
  await expect(ana.get('prejoin-join')).toHaveText('Rejoindre');
  await expect(ana.page.locator('html')).toHaveAttribute('lang', 'fr');
  await ana.page.getByRole('button', { name: 'English' }).click();
  await expect(ana.page.locator('html')).toHaveAttribute('lang', 'en');
  await expect(ana.get('prejoin-join')).toHaveText('Join');
  await ana.page.reload();
  await expect(ana.get('prejoin-join')).toHaveText('Join');
  await ana.join();
  await expect(ana.get('waiting')).toContainText('Waiting');
  await expect(ana.control('mic')).toHaveAccessibleName('Mute');
});

test('B39: French whatever the browser speaks, English by a link that says so', async ({ room, person }) => {
  const ana = await person('Ana', { locale: 'en-GB' });
  await ana.open(room);
  await expect(ana.page.locator('html')).toHaveAttribute('lang', 'fr');
  await ana.open(`${room}?lang=en`);
  await expect(ana.page.locator('html')).toHaveAttribute('lang', 'en');
  await expect(ana.get('prejoin-join')).toHaveText('Join');
});

test.describe('an address with a typing mistake', () => {
  test.use({ expectedErrors: /status of 404/ });

  test('F67: the address of no room says so, in words', async ({ server, person }) => {
    const ana = await person('Ana');
    await ana.page.goto(`${server.origin}/visio/RCP_thorax`);
    await expect(ana.page.getByText('Adresse de réunion incorrecte')).toBeVisible();
  });
});
