// SPDX-License-Identifier: Apache-2.0
// What must not disturb a meeting: a server that dies, a socket that drops, a reload, a second tab. Item B7.
import { test, expect } from './support/fixtures.ts';

/** What a browser writes by itself when nobody answers. */
const UNREACHABLE =
  /WebSocket connection to .* failed|net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|CONNECTION_CLOSED|EMPTY_RESPONSE)/;

test.describe('the server goes away', () => {
  test.use({ expectedErrors: UNREACHABLE });

  test('B7: killed and started again, everybody is back within 5 s, by themselves', async ({ server, room, person }) => {
    const ana = await person('Ana');
    const bob = await person('Bob');
    const eve = await person('Eve');
    const all = [ana, bob, eve];
    for (const one of all) await one.enter(room);
    const everyonesPictures = () =>
      Promise.all(all.flatMap((one) => all.filter((o) => o !== one).map((other) => one.sees(one.tile(other), other.signature))));
    await everyonesPictures();

    await server.kill();
    await Promise.all(all.map((one) => expect(one.reconnecting()).toBeVisible()));
    await server.up();
    const up = Date.now();
    // The time is taken in the pages, when each of them shows a new, moving picture of each other person.
    const back = await everyonesPictures();
    expect(Math.max(...back) - up, 'ms after the server listens again').toBeLessThan(5000);
    await expect(ana.reconnecting()).toHaveCount(0);
    for (const one of all) await expect(one.page.locator('[data-testid=tile][data-source=camera]')).toHaveCount(2);
    await ana.hears(1, 2);
  });

  test('B7: a clean shutdown is announced, and everybody comes back after it', async ({ server, room, person }) => {
    const ana = await person('Ana');
    const bob = await person('Bob');
    await ana.enter(room);
    await bob.enter(room);
    await ana.sees(ana.tile(bob), 1);
    await bob.control('mic').click();
    await expect(ana.tile(bob)).toHaveAttribute('data-muted-audio', 'true');

    await server.stop();
    await expect(ana.reconnecting()).toBeVisible();
    await server.up();
    await ana.sees(ana.tile(bob), 1);
    await bob.sees(bob.tile(ana), 0);
    // Who was muted is still muted: a restart must not open a microphone.
    await expect(ana.tile(bob)).toHaveAttribute('data-muted-audio', 'true');
    await ana.hears();
    await bob.hears(0);
  });
});

test.describe('the socket goes away, the media does not', () => {
  test.use({ expectedErrors: UNREACHABLE });

  for (const way of ['cut', 'silence'] as const) {
    test(`B7: a socket that is ${way === 'cut' ? 'cut' : 'silent'} resumes; meanwhile the call goes on`, async ({ room, gate, person }) => {
      const ana = await person('Ana');
      const bob = await person('Bob');
      await ana.enter(room);
      await bob.enter(gate.room);
      await ana.sees(ana.tile(bob), 1);
      await bob.sees(bob.tile(ana), 0);
      const before = await ana.tile(bob).getAttribute('data-participant');

      gate[way]();
      // A silent socket is noticed after 12 s (PROTOCOL.md section 2).
      await expect(bob.reconnecting()).toBeVisible({ timeout: 20_000 });
      await Promise.all([ana.moves(ana.tile(bob), 3000), bob.moves(bob.tile(ana), 3000)]);
      await ana.hears(1);
      // What happens meanwhile is known afterwards.
      await ana.control('mic').click();

      gate.restore();
      await expect(bob.reconnecting()).toHaveCount(0);
      await expect(bob.tile(ana)).toHaveAttribute('data-muted-audio', 'true');
      await Promise.all([ana.sees(ana.tile(bob), 1), bob.sees(bob.tile(ana), 0)]);
      await expect(ana.tile(bob)).toHaveCount(1);
      expect(await ana.tile(bob).getAttribute('data-participant'), 'the same participant').toBe(before);
    });
  }
});

test('B7: a reload leaves no ghost, and neither does a closed tab', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  await ana.enter(room);
  await bob.enter(room);
  await ana.sees(ana.tile(bob), 1);

  await bob.page.reload();
  // Whoever was inside is back inside without being asked.
  await expect(bob.control('leave')).toBeVisible();
  await bob.sees(bob.tile(ana), 0);
  await ana.sees(ana.tile(bob), 1);
  await expect(ana.tile(bob)).toHaveCount(1);
  await expect(bob.tile(bob)).toHaveCount(0);

  await bob.page.close();
  await expect(ana.tile(bob)).toHaveCount(0, { timeout: 5000 });
  await expect(ana.get('waiting')).toBeVisible();
});

test('the same person in a second tab takes over from the first', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  await ana.enter(room);
  await bob.enter(room);
  await ana.sees(ana.tile(bob), 1);

  const second = await bob.secondTab();
  await second.enter(room);
  await expect(bob.get('replaced')).toBeVisible();
  await second.sees(second.tile(ana), 0);
  await ana.sees(ana.tile(bob), 1);
  await expect(ana.tile(bob)).toHaveCount(1);
  await bob.hears();
  expect(second.errors).toEqual([]);
});

test.describe('a room with a capacity of two', () => {
  test.use({ serverOptions: ['--room-capacity', '2'] });

  test('the third person is told that the room is full, and gets in when somebody left', async ({ room, person }) => {
    const ana = await person('Ana');
    const bob = await person('Bob');
    const eve = await person('Eve');
    await ana.enter(room);
    await bob.enter(room);
    await eve.open(room);
    await eve.join();
    await expect(eve.get('refused')).toHaveAttribute('data-code', 'room_full');
    await expect(eve.get('refused')).toContainText(/complète|pleine/);
    await expect(ana.tile(eve)).toHaveCount(0);

    await bob.control('leave').click();
    await expect(ana.tile(bob)).toHaveCount(0);
    await eve.get('refused').getByRole('button', { name: 'Réessayer' }).click();
    await expect(eve.control('leave')).toBeVisible();
    await eve.sees(eve.tile(ana), 0);
  });
});
