// SPDX-License-Identifier: Apache-2.0
// The call itself: who sees and hears whom. Items F67 (entering, waiting, own picture) and F68 (the five controls).
import { test, expect } from './support/fixtures.ts';

test('F67: one enters by link and name, waits alone, and sees oneself', async ({ room, person }) => {
  const ana = await person('Dr Ana Alone');
  await ana.open(room);
  await ana.sees(ana.get('prejoin-preview'), 0);
  await expect(ana.get('mic-meter')).toBeVisible();
  await ana.join();
  await expect(ana.get('waiting')).toHaveText(/En attente d'un correspondant \.\.\./);
  await ana.sees(ana.get('self-view'), 0);
  await ana.hears();
});

test('F67: a name is asked for and refused when empty', async ({ room, person }) => {
  const ana = await person('   ');
  await ana.open(room);
  await ana.join();
  await expect(ana.get('prejoin-name')).toBeFocused();
  await expect(ana.get('prejoin-name')).toHaveAttribute('aria-invalid', 'true');
  await expect(ana.control('leave')).toHaveCount(0);
});

test('F67: two people see and hear each other', async ({ room, person }) => {
  const ana = await person('Dr Ana Premier');
  const bob = await person('Dr Bob « Deux » <i>');
  await ana.enter(room);
  await expect(ana.get('waiting')).toBeVisible();
  await bob.enter(room);
  await ana.sees(ana.tile(bob), 1);
  await bob.sees(bob.tile(ana), 0);
  await expect(ana.get('waiting')).toHaveCount(0);
  await expect(ana.tile(bob)).toContainText(bob.name);
  await ana.hears(1);
  await bob.hears(0);
  await ana.sees(ana.get('self-view'), 0);
});

test('F67: three people, each picture and each tone from the right one; a late joiner sees at once', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  const eve = await person('Eve');
  await ana.enter(room);
  await bob.enter(room);
  await ana.sees(ana.tile(bob), 1);
  await bob.sees(bob.tile(ana), 0);

  await eve.enter(room);
  const entered = Date.now();
  const pictures = await Promise.all([eve.firstPicture(eve.tile(ana), 0), eve.firstPicture(eve.tile(bob), 1)]);
  expect(Math.max(...pictures) - entered, 'ms until the late joiner saw both').toBeLessThan(3000);

  const all = [ana, bob, eve];
  await Promise.all(all.flatMap((one) => all.filter((o) => o !== one).map((other) => one.sees(one.tile(other), other.signature))));
  await ana.hears(1, 2);
  await bob.hears(0, 2);
  await eve.hears(0, 1);
});

test('B5: where UDP is blocked, the media goes over TCP', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  // Bob's browser is told of no UDP candidate, so it sends none; its statistics say what carries the media.
  await bob.context.addInitScript(() => {
    const all: RTCPeerConnection[] = ((window as unknown as { __all: RTCPeerConnection[] }).__all = []);
    const original = RTCPeerConnection.prototype.setRemoteDescription as (d: RTCSessionDescriptionInit) => Promise<void>;
    RTCPeerConnection.prototype.setRemoteDescription = function (description: RTCSessionDescriptionInit) {
      all.push(this);
      const sdp = description.sdp?.replace(/^a=candidate:\S+ \d+ udp .*\r\n/gim, '') ?? '';
      return original.call(this, { type: description.type, sdp });
    };
  });
  await ana.enter(room);
  await bob.enter(room);
  await ana.sees(ana.tile(bob), 1);
  await bob.sees(bob.tile(ana), 0);
  await ana.hears(1);
  const protocols = await bob.page.evaluate(async () => {
    const found = new Set<string>();
    for (const pc of (window as unknown as { __all: RTCPeerConnection[] }).__all)
      (await pc.getStats()).forEach((s, _id, report) => {
        if (s.type === 'candidate-pair' && s.state === 'succeeded') found.add(report.get(s.remoteCandidateId)?.protocol);
      });
    return [...found];
  });
  expect(protocols).toEqual(['tcp']);
});

test('F68: the five controls carry their words', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  await ana.enter(room);
  await bob.enter(room);
  const words = {
    follow: "Suivre l'orateur",
    share: "Partager l'écran",
    camera: 'Couper la caméra',
    mic: 'Couper le micro',
    leave: 'Quitter',
  } as const;
  for (const [which, label] of Object.entries(words) as [keyof typeof words, string][]) {
    await expect(ana.control(which)).toBeVisible();
    await expect(ana.control(which)).toHaveAccessibleName(label);
  }
});

test('F68: Couper le micro silences me for the others, and they see it', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  const eve = await person('Eve');
  for (const one of [ana, bob, eve]) await one.enter(room);
  await eve.hears(0, 1);
  await expect(eve.tile(ana)).toHaveAttribute('data-muted-audio', 'false');

  await ana.control('mic').click();
  await expect(ana.control('mic')).toHaveAccessibleName('Activer le micro');
  await expect(eve.tile(ana)).toHaveAttribute('data-muted-audio', 'true');
  await expect(eve.tile(bob)).toHaveAttribute('data-muted-audio', 'false');
  await eve.hears(1);
  await eve.sees(eve.tile(ana), 0);

  await ana.control('mic').click();
  await expect(eve.tile(ana)).toHaveAttribute('data-muted-audio', 'false');
  await eve.hears(0, 1);
});

test('F68: Couper la caméra takes my picture away from the others and gives it back', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  await ana.enter(room);
  await bob.enter(room);
  await bob.sees(bob.tile(ana), 0);

  await ana.control('camera').click();
  await expect(ana.control('camera')).toHaveAccessibleName('Activer la caméra');
  await expect(bob.tile(ana)).toHaveAttribute('data-muted-video', 'true');
  await expect(bob.tile(ana).locator('video:visible')).toHaveCount(0);
  await bob.hears(0);

  await ana.control('camera').click();
  await expect(bob.tile(ana)).toHaveAttribute('data-muted-video', 'false');
  await bob.sees(bob.tile(ana), 0);
});

test('F68: Partager l\'écran adds a second picture, in full size, for everyone', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  const eve = await person('Eve');
  for (const one of [ana, bob]) await one.enter(room);
  await bob.sees(bob.tile(ana), 0);

  await ana.control('share').click();
  await expect(ana.control('share')).toHaveAccessibleName('Arrêter le partage');
  await bob.moves(bob.tile(ana, 'screen'));
  const screen = await bob.look(bob.tile(ana, 'screen'));
  expect(screen?.colour, 'the screen is not the camera').not.toBe(0);
  expect(screen?.width ?? 0).toBeGreaterThanOrEqual(960);
  await bob.sees(bob.tile(ana), 0);

  // Who comes later sees it too.
  await eve.enter(room);
  await eve.moves(eve.tile(ana, 'screen'));
  await eve.sees(eve.tile(ana), 0);

  await ana.control('share').click();
  await expect(bob.tile(ana, 'screen')).toHaveCount(0);
  await expect(eve.tile(ana, 'screen')).toHaveCount(0);
  await bob.sees(bob.tile(ana), 0);
});

test('F68: Suivre l\'orateur enlarges whoever speaks', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  const eve = await person('Eve');
  for (const one of [ana, bob, eve]) await one.enter(room);
  await eve.control('mic').click();
  await bob.control('mic').click();
  await eve.hears(0);
  await eve.control('follow').click();

  const larger = async (big: typeof ana, small: typeof ana) => {
    await expect(async () => {
      const area = async (who: typeof ana) => {
        const box = await eve.tile(who).boundingBox();
        return box ? box.width * box.height : 0;
      };
      expect(await area(big), `${big.name} is larger than ${small.name}`).toBeGreaterThan(3 * (await area(small)));
    }).toPass({ timeout: 10_000 });
  };
  await larger(ana, bob);
  await expect(eve.tile(ana)).toHaveAttribute('data-speaking', 'true');

  await bob.control('mic').click();
  await ana.control('mic').click();
  await larger(bob, ana);
  await eve.sees(eve.tile(bob), 1);
  await expect(eve.tile(ana)).toHaveAttribute('data-speaking', 'false');
});

test('F68: Quitter takes me out of the room, for the others too, and I can come back', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  await ana.enter(room);
  await bob.enter(room);
  await ana.sees(ana.tile(bob), 1);

  await bob.control('leave').click();
  await expect(bob.get('left-page')).toBeVisible();
  await expect(ana.tile(bob)).toHaveCount(0, { timeout: 3000 });
  await expect(ana.get('waiting')).toBeVisible();
  await ana.hears();

  await bob.enter(room);
  await ana.sees(ana.tile(bob), 1);
});

test('B9: a moderator mutes somebody, who may speak again; and removes somebody, who cannot come back', async ({ room, person }) => {
  const ana = await person('Ana');
  const bob = await person('Bob');
  await ana.enter(room);
  await bob.enter(room);
  await ana.hears(1);

  await ana.tile(bob).hover();
  await ana.page.getByRole('button', { name: 'Actions pour Bob' }).click();
  await ana.page.getByRole('button', { name: 'Couper son micro' }).click();
  await expect(ana.tile(bob)).toHaveAttribute('data-muted-audio', 'true');
  await expect(bob.control('mic')).toHaveAccessibleName('Activer le micro');
  await expect(bob.page.getByText('Un modérateur vous a coupé')).toBeVisible();
  await ana.hears();
  await bob.control('mic').click();
  await ana.hears(1);

  await ana.tile(bob).hover();
  await ana.page.getByRole('button', { name: 'Actions pour Bob' }).click();
  await ana.page.getByRole('button', { name: 'Exclure de la réunion' }).click();
  await ana.page.getByRole('button', { name: 'Exclure', exact: true }).click();
  await expect(ana.tile(bob)).toHaveCount(0);
  await expect(bob.get('refused')).toHaveAttribute('data-code', 'removed');
  await bob.open(room);
  await bob.join();
  await expect(bob.get('refused')).toHaveAttribute('data-code', 'removed');
});
