// SPDX-License-Identifier: Apache-2.0
/**
 * pages.mjs - every state of the pages in real Chromium against the fake server: what must be there is checked, axe
 * must find nothing, the console must stay quiet; a picture of each goes to node_modules/.cache/pages/.
 * Needs a built dist/ (npm run test:pages builds it) and /usr/bin/chromium (or CHROMIUM=path).
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import axe from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import { startFakeServer } from './fake_server.mjs';
import { installFakeSfu } from './fake_sfu.mjs';

const AxeBuilder = axe.default ?? axe.AxeBuilder ?? axe;
const SHOTS = resolve(import.meta.dirname, '../node_modules/.cache/pages');
mkdirSync(SHOTS, { recursive: true });
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--allow-loopback-in-peer-connection',
];
const FAKE = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=device-count=2', '--autoplay-policy=no-user-gesture-required'];

const only = process.argv[2];
let failures = 0;
let passes = 0;
const server = await startFakeServer();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS, ...FAKE] });

async function open(path, { width = 1280, height = 720, from = browser, prepare } = {}) {
  const context = await from.newContext({ viewport: { width, height } });
  const page = await context.newPage();
  const noise = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && noise.push(message.text()));
  page.on('pageerror', (error) => noise.push(String(error)));
  if (prepare) await page.addInitScript(prepare);
  await page.goto(server.url + path);
  return { context, page, noise };
}

const hook = (page, name) => page.locator(`[data-testid="${name}"]`);

async function look(page, name) {
  await page.screenshot({ path: `${SHOTS}/${name}.png` });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target.join(' ')).join(' | ')}`);
  assert.deepEqual(found, [], `axe on ${name}`);
}

/** waitForFunction takes the promise of an async function for its value; this one awaits it. */
async function until(page, predicate, timeout_ms = 10_000) {
  const end = Date.now() + timeout_ms;
  while (!(await page.evaluate(predicate))) {
    assert.ok(Date.now() < end, `not within ${timeout_ms} ms: ${predicate}`);
    await page.waitForTimeout(100);
  }
}

/** Horizontal scrolling at this width means that something does not fit. */
async function fits(page) {
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'too wide');
}

async function join(page, name = 'Dr Claire Martin') {
  await hook(page, 'prejoin-name').fill(name);
  await hook(page, 'prejoin-join').click();
}

const reset = () => {
  for (const key of Object.keys(server.script)) delete server.script[key];
  Object.assign(server.script, { openRooms: true, refuse: null, people: [], ticketError: null, refuseOnce: null });
  server.received.length = 0;
};

async function test(name, run) {
  if (only && !name.includes(only)) return;
  reset();
  const before = new Set(browser.contexts());
  try {
    await run();
    passes += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name}\n     ${String(error.stack ?? error).split('\n').slice(0, 12).join('\n     ')}`);
  }
  for (const context of browser.contexts()) if (!before.has(context)) await context.close();
}

/** Two colleagues with pictures and, for the first, a tone; media from the helper page. */
async function withMedia() {
  const helper = await (await browser.newContext()).newPage();
  await helper.goto(`${server.url}/`);
  await helper.evaluate(installFakeSfu);
  const person = (participant, name, number, micMuted = false, cameraMuted = false) => ({
    participant, name,
    tracks: [
      { track: `t${number}`, source: 'mic', muted: micMuted },
      { track: `t${number + 1}`, source: 'camera', muted: cameraMuted },
    ],
  });
  server.script.people = [person('p3', 'Pr Anne Lefèvre', 10), person('p4', 'Dr Karim Haddad', 20, true)];
  server.script.rights = ['publish_audio', 'publish_video', 'publish_screen', 'subscribe', 'moderate'];
  const wanted = [
    { participant: 'p3', track: 't10', source: 'mic', tone: 300 },
    { participant: 'p3', track: 't11', source: 'camera', text: 'Anne', hue: 170 },
    { participant: 'p4', track: 't20', source: 'mic', tone: 0 },
    { participant: 'p4', track: 't21', source: 'camera', text: 'Karim', hue: 30 },
  ];
  let fresh = true;
  const offer = async (send, anew = false) => send(await helper.evaluate(([list, again]) => window.sfu.offer(list, again), [wanted, anew]));
  server.script.onWelcome = (send) => {
    fresh = true;
    offer(send, true).then(
      () => send({ type: 'quality', participants: { p1: 3, p3: 3, p4: 1 } }),
      () => undefined, // the test is over
    );
  };
  const answer = async (message, send) => {
    if (message.type === 'publish') {
      const first = fresh;
      fresh = false;
      send(await helper.evaluate((asked) => window.sfu.published(asked), { ...message, fresh: first }));
    } else if (message.type === 'subscribed') await helper.evaluate((asked) => window.sfu.subscribed(asked), message);
    else if (['mute', 'moderate', 'restart'].includes(message.type)) send({ type: 'ok', re: message.id });
  };
  server.script.onMessage = (message, send) => {
    answer(message, send).catch((error) => helper.isClosed() || console.log(`helper: ${error}`));
  };
  return { helper, wanted, offer };
}

const quiet = (noise, allowed = /^$/) => assert.deepEqual(noise.filter((line) => !allowed.test(line)), []);

await test('home', async () => {
  const { page, noise } = await open('/');
  await page.getByLabel('Nom de la réunion').fill('x');
  await page.getByRole('button', { name: 'Ouvrir la réunion' }).click();
  await page.getByRole('alert').waitFor();
  await look(page, 'home');
  await page.getByLabel('Nom de la réunion').fill('RCP Thorax');
  await page.getByRole('button', { name: 'Ouvrir la réunion' }).click();
  await page.waitForURL('**/visio/rcp-thorax');
  quiet(noise);
});

await test('home_closed', async () => {
  server.script.openRooms = false;
  const { page, noise } = await open('/');
  await page.getByText('accessibles depuis la plateforme').waitFor();
  await look(page, 'home_closed');
  quiet(noise);
});

await test('prejoin', async () => {
  const { page, noise } = await open('/visio/demo');
  await page.locator('[data-testid="prejoin-preview"] video').waitFor();
  await page.waitForFunction(() => document.querySelector('meter').value > 0.1);
  await look(page, 'prejoin');
  await hook(page, 'prejoin-join').click();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'name');
  await page.getByRole('button', { name: 'English' }).click();
  await page.getByRole('button', { name: 'Join', exact: true }).waitFor();
  await look(page, 'prejoin_error_en');
  quiet(noise);
});

await test('prejoin_phone', async () => {
  const { page } = await open('/visio/demo', { width: 360, height: 740 });
  await page.locator('[data-testid="prejoin-preview"] video').waitFor();
  await fits(page);
  await look(page, 'prejoin_phone');
});

await test('prejoin_denied', async () => {
  const denying = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [...FLAGS, '--use-fake-ui-for-media-stream=deny', '--use-fake-device-for-media-stream'],
  });
  try {
    const { page, noise } = await open('/visio/demo', { from: denying });
    await page.getByText("Le navigateur n'autorise pas la caméra.").waitFor();
    await page.getByText('Chrome et Edge').waitFor();
    await look(page, 'prejoin_denied');
    await join(page);
    await hook(page, 'waiting').waitFor();
    assert.equal(await hook(page, 'self-view').getAttribute('data-muted-video'), 'true');
    await look(page, 'waiting_without_devices');
    await hook(page, 'control-camera').click();
    await hook(page, 'device-problem').waitFor();
    await look(page, 'meeting_device_problem');
    quiet(noise);
  } finally {
    await denying.close();
  }
});

await test('prejoin_no_devices', async () => {
  const { page } = await open('/visio/demo', {
    prepare: () => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'));
      navigator.mediaDevices.enumerateDevices = () => Promise.resolve([]);
    },
  });
  await page.getByText('Aucune caméra trouvée.').waitFor();
  await look(page, 'prejoin_no_devices');
  await join(page);
  await hook(page, 'waiting').waitFor();
});

await test('F67_waiting', async () => {
  const { page, noise } = await open('/visio/demo');
  await join(page);
  await hook(page, 'waiting').waitFor();
  assert.equal(await hook(page, 'waiting').textContent(), "En attente d'un correspondant ...");
  await page.locator('[data-testid="self-view"] video').waitFor();
  await look(page, 'waiting');
  quiet(noise);
});

await test('F68_controls', async () => {
  const { page } = await open('/visio/demo');
  await join(page);
  await hook(page, 'waiting').waitFor();
  const labels = await page.getByRole('group', { name: 'Commandes de la réunion' }).getByRole('button').allTextContents();
  assert.deepEqual(labels, ["Suivre l'orateur", "Partager l'écran", 'Couper la caméra', 'Couper le micro', 'Quitter']);
  await page.keyboard.press('m');
  await page.keyboard.press('v');
  await page.getByRole('button', { name: 'Activer le micro' }).waitFor();
  await page.getByRole('button', { name: 'Activer la caméra' }).waitFor();
  const live = await page.evaluate(() => window.__consilium.state().local);
  assert.deepEqual([live.mic, live.camera].map((input) => [input.on, input.live]), [[false, true], [false, false]]);
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await look(page, 'shortcuts');
  await page.getByLabel('Utiliser les raccourcis clavier').uncheck();
  await page.keyboard.press('Escape');
  await page.keyboard.press('m');
  await page.getByRole('button', { name: 'Activer le micro' }).waitFor();
  await page.getByRole('button', { name: 'Réglages' }).click();
  await page.getByRole('dialog').waitFor();
  await look(page, 'settings');
});

await test('F67_grid_of_three', async () => {
  const { helper } = await withMedia();
  const { page, noise } = await open('/visio/demo');
  await join(page);
  await until(page, async () => {
    const stats = await window.__consilium.stats();
    return stats.filter((entry) => entry.framesDecoded > 10).length === 2 && stats.some((entry) => entry.audioEnergy > 0.001);
  });
  await page.locator('[data-name="Pr Anne Lefèvre"][data-speaking="true"]').waitFor();
  assert.equal(await page.locator('[data-name="Dr Karim Haddad"]').getAttribute('data-speaking'), 'false');
  assert.equal(await page.locator('[data-name="Dr Karim Haddad"]').getAttribute('data-muted-audio'), 'true');
  await page.waitForTimeout(500);
  await look(page, 'grid');
  const uplink = await helper.evaluate(() => window.sfu.received());
  assert.ok(uplink.some((entry) => entry.kind === 'video' && entry.frames > 5), JSON.stringify(uplink));
  assert.ok(uplink.some((entry) => entry.kind === 'audio' && entry.packets > 20), JSON.stringify(uplink));

  // Camera off and on again: same m-section, other device track.
  await hook(page, 'control-camera').click();
  await page.waitForFunction(() => !window.__consilium.state().local.camera.live);
  await hook(page, 'control-camera').click();
  await page.waitForFunction(() => window.__consilium.state().local.camera.live);
  await page.waitForTimeout(300);
  const mutes = server.received.filter((message) => message.type === 'mute').map(({ track, muted }) => [track, muted]);
  assert.equal(new Set(mutes.map(([track]) => track)).size, 1);
  assert.deepEqual(mutes.map(([, muted]) => muted), [true, false]);
  assert.equal(server.received.filter((message) => message.type === 'publish').length, 1);

  // The moderator's menu.
  await page.locator('[data-name="Pr Anne Lefèvre"]').hover();
  await page.getByRole('button', { name: 'Actions pour Pr Anne Lefèvre' }).click();
  await look(page, 'moderator_menu');
  await hook(page, 'moderate-mute').click();
  await page.getByRole('button', { name: 'Actions pour Pr Anne Lefèvre' }).click();
  await hook(page, 'moderate-remove').click();
  await page.getByRole('dialog').waitFor();
  await look(page, 'remove_dialog');
  await hook(page, 'remove-confirm').click();
  await page.waitForTimeout(200);
  const actions = server.received.filter((message) => message.type === 'moderate').map(({ action, participant }) => [action, participant]);
  assert.deepEqual(actions, [['mute', 'p3'], ['remove', 'p3']]);
  quiet(noise);
});

await test('F68_follow_the_speaker', async () => {
  await withMedia();
  const { page, noise } = await open('/visio/demo');
  await join(page);
  await until(page, async () => (await window.__consilium.stats()).filter((entry) => entry.framesDecoded > 5).length === 2);
  await hook(page, 'control-follow').click();
  const staged = (name) => page.locator(`[data-testid="stage"] [data-name="${name}"]`).waitFor();
  server.say({ type: 'speaker', participant: 'p4', recent: ['p4', 'p3'] });
  await staged('Dr Karim Haddad');
  server.say({ type: 'speaker', participant: 'p1', recent: ['p1', 'p4', 'p3'] });
  await page.waitForTimeout(300);
  await staged('Dr Karim Haddad');
  server.say({ type: 'speaker', participant: 'p3', recent: ['p3', 'p1'] });
  await staged('Pr Anne Lefèvre');
  await page.waitForTimeout(400);
  await look(page, 'speaker_view');
  await page.setViewportSize({ width: 360, height: 740 });
  await page.waitForTimeout(300);
  await fits(page);
  await look(page, 'speaker_view_phone');
  await page.keyboard.press('w');
  await page.waitForTimeout(300);
  await look(page, 'grid_phone');
  await fits(page);
  quiet(noise);
});

await test('F68_share', async () => {
  const { wanted, offer } = await withMedia();
  const { page, noise } = await open('/visio/demo');
  await join(page);
  await until(page, async () => (await window.__consilium.stats()).filter((entry) => entry.framesDecoded > 5).length === 2);
  await hook(page, 'control-share').click();
  await page.getByRole('button', { name: 'Arrêter le partage' }).waitFor();
  await until(page, async () => (await window.__consilium.sent()).filter((entry) => entry.kind === 'video' && entry.framesEncoded > 3).length === 2);
  await look(page, 'sharing');
  await hook(page, 'control-share').click();
  await page.getByRole('button', { name: "Partager l'écran" }).waitFor();
  await page.waitForTimeout(500);
  const published = server.received.filter((message) => message.type === 'publish').map((message) => message.tracks.map((track) => track.source).sort().join());
  assert.deepEqual(published.map((list) => list.includes('screen')), [false, true, false]);
  // Somebody else's screen takes the stage by itself.
  wanted.push({ participant: 'p4', track: 't22', source: 'screen', text: 'Écran', hue: 220 });
  server.say({ type: 'track_published', participant: 'p4', track: 't22', source: 'screen', muted: false });
  await offer((message) => server.say(message));
  await page.locator('[data-testid="stage"] [data-source="screen"] video').waitFor();
  await page.waitForTimeout(500);
  await look(page, 'other_share');
  quiet(noise);
});

await test('B7_reconnecting', async () => {
  await withMedia();
  const { page } = await open('/visio/demo');
  await join(page);
  await until(page, async () => (await window.__consilium.stats()).filter((entry) => entry.framesDecoded > 5).length === 2);
  // Dropped socket, the server unreachable for a moment: media goes on, the banner says so, then resume.
  await server.stop();
  await hook(page, 'banner').filter({ hasText: 'Connexion perdue, reconnexion…' }).waitFor();
  await look(page, 'reconnecting');
  assert.equal(await hook(page, 'tile').count(), 2);
  const { onWelcome } = server.script;
  server.script.onWelcome = undefined;
  await server.start();
  const inRoom = () => page.waitForFunction(() => window.__consilium.state().phase === 'in_room', null, { timeout: 5000 });
  const start = Date.now();
  await inRoom();
  assert.ok(Date.now() - start < 2500, `${Date.now() - start} ms`);
  assert.ok(server.received.some((message) => message.type === 'resume'));
  await hook(page, 'banner').filter({ hasText: 'Connexion rétablie' }).waitFor();
  await look(page, 'back');
  // Killed and restarted, it knows nobody: join afresh by itself, with new connections.
  server.script.onWelcome = onWelcome;
  server.script.refuseOnce = { code: 'resume_unknown' };
  const joins = () => server.received.filter((message) => message.type === 'join').length;
  const before = joins();
  server.drop();
  while (joins() === before) await page.waitForTimeout(20);
  await inRoom();
  await until(page, async () => (await window.__consilium.stats()).filter((entry) => entry.framesDecoded > 5).length === 2);
  assert.equal(joins(), before + 1, server.received.map(({ type }) => type).join(' '));
});

await test('replaced_and_left', async () => {
  const { page, noise } = await open('/visio/demo');
  await join(page);
  await hook(page, 'waiting').waitFor();
  server.say({ type: 'closing', reason: 'replaced', reconnect: false });
  await hook(page, 'replaced').waitFor();
  assert.equal(await page.evaluate(() => window.__consilium.state().local.camera.live), false);
  await look(page, 'replaced');
  await page.getByRole('button', { name: 'Reprendre ici' }).click();
  await hook(page, 'waiting').waitFor();
  await page.locator('[data-testid="self-view"] video').waitFor();
  await hook(page, 'control-leave').click();
  await hook(page, 'left-page').waitFor();
  await look(page, 'left');
  await page.getByRole('button', { name: 'Revenir dans la réunion' }).click();
  await hook(page, 'waiting').waitFor();
  // A reload leads straight back.
  await page.reload();
  await hook(page, 'waiting').waitFor();
  quiet(noise);
});

await test('refused', async () => {
  for (const [refuse, words] of [
    [{ code: 'room_full', retry: true }, 'La réunion est complète'],
    [{ code: 'room_not_open', retry: true, opens_at: '2026-12-01T13:00:00Z' }, 'Elle ouvrira le'],
    [{ code: 'removed' }, 'exclu'],
  ]) {
    server.script.refuse = refuse;
    const { page } = await open('/visio/demo');
    await join(page);
    await hook(page, 'refused').filter({ hasText: words }).waitFor();
    assert.equal(await hook(page, 'refused').getAttribute('data-code'), refuse.code);
    await look(page, `refused_${refuse.code}`);
  }
  server.script.refuse = null;
  server.script.ticketError = [404, 'open_rooms_off'];
  const { page } = await open('/visio/demo');
  await join(page);
  await hook(page, 'refused').waitFor();
  assert.equal(await hook(page, 'refused').getAttribute('data-code'), 'open_rooms_off');
});

await test('grid_many', async () => {
  server.script.people = Array.from({ length: 14 }, (_, index) => ({
    participant: `p${index + 10}`, name: `Dr Prénom Nom-Composé ${index + 1}`, tracks: [],
  }));
  const { page } = await open('/visio/demo');
  await join(page);
  await hook(page, 'tile').first().waitFor();
  await look(page, 'grid_many');
  await page.setViewportSize({ width: 360, height: 640 });
  await page.waitForTimeout(300);
  await fits(page);
  await look(page, 'grid_many_phone');
});

await browser.close();
await server.stop();
console.log(`${passes} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
