// SPDX-License-Identifier: Apache-2.0
// Firefox over WebDriver BiDi: a person with Firefox's own fake camera (a picture whose colour changes) and microphone.
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SIGNATURES } from './capture.ts';
import { installProbe } from './probe.ts';

/** of Firefox's fake microphone */
export const FIREFOX_HZ = 1000;

export class FirefoxPerson {
  readonly errors: string[] = [];

  private constructor(
    readonly browser: Browser,
    readonly page: Page,
    readonly home: string,
  ) {}

  static async create(): Promise<FirefoxPerson> {
    const home = mkdtempSync(join(tmpdir(), 'consilium-firefox-'));
    const path = process.env['CONSILIUM_FIREFOX'] ?? ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);
    if (!path) throw new Error('there is no Firefox');
    const browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath: path,
      headless: true,
      // Not setViewport(): Firefox 140, which bookworm was released with, does not know all that it asks for.
      defaultViewport: null,
      args: ['--width=1000', '--height=700'],
      acceptInsecureCerts: true,
      env: { ...process.env, HOME: home },
      extraPrefsFirefox: {
        'media.navigator.permission.disabled': true,
        'media.navigator.streams.fake': true,
        'media.navigator.audio.fake_frequency': FIREFOX_HZ,
        'media.peerconnection.ice.obfuscate_host_addresses': false,
        'media.autoplay.default': 0,
        'media.autoplay.block-webaudio': false,
        'intl.accept_languages': 'fr-FR, fr',
      },
    });
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(installProbe, SIGNATURES.map((s) => s.rgb));
    // Firefox has no running AudioContext without a sound card; its statistics know what it decoded.
    await page.evaluateOnNewDocument(() => {
      const all: RTCPeerConnection[] = [];
      const Original = window.RTCPeerConnection;
      window.RTCPeerConnection = class extends Original {
        constructor(configuration?: RTCConfiguration) {
          super(configuration);
          all.push(this);
        }
      };
      (window as unknown as { __peerConnections: RTCPeerConnection[] }).__peerConnections = all;
    });
    const person = new FirefoxPerson(browser, page, home);
    page.on('console', (message) => {
      if (message.type() === 'error') person.errors.push(message.text());
    });
    page.on('pageerror', (error) => person.errors.push(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    return person;
  }

  async enter(link: string, name: string): Promise<void> {
    await this.page.goto(link);
    await this.click('prejoin-name');
    await this.page.keyboard.type(name);
    await this.click('prejoin-join');
    await this.#shown('[data-testid=control-leave]');
  }

  /** As a hand does. puppeteer's own click(), type() and waitForSelector() look at the page from a sandbox whose observers
   * may not read what Firefox 140 hands them, and its errors would count as the page's. */
  async click(testId: string): Promise<void> {
    const css = `[data-testid=${testId}]`;
    await this.#shown(css);
    const { x, y } = await this.page.evaluate((selector: string) => {
      const box = document.querySelector(selector)!.getBoundingClientRect();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    }, css);
    await this.page.mouse.click(x, y);
  }

  #shown(css: string): Promise<void> {
    return this.page.evaluate(async (selector: string) => {
      const end = performance.now() + 20_000;
      while (!document.querySelector(selector)?.checkVisibility()) {
        if (performance.now() > end) throw new Error(`${selector} does not appear`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }, css);
  }

  /** Its tile of `name` shows this signature, and moves. */
  async sees(name: string, signature: number): Promise<void> {
    const selector = `[data-testid=tile][data-name=${JSON.stringify(name)}][data-source=camera]`;
    await this.#shown(`${selector} video`);
    await this.page.evaluate(
      async (css: string, colour: number) => {
        const tile = document.querySelector(css);
        if (!tile) throw new Error('the tile is gone');
        await window.__probe.colour(tile, colour, 15_000);
        await window.__probe.moves(tile, 15_000);
      },
      selector,
      signature,
    );
  }

  /** Energy of all audio decoded so far (getStats: totalAudioEnergy). */
  audioEnergy(): Promise<number> {
    return this.page.evaluate(async () => {
      let energy = 0;
      for (const pc of (window as unknown as { __peerConnections: RTCPeerConnection[] }).__peerConnections)
        (await pc.getStats()).forEach((s) => {
          if (s.type === 'inbound-rtp' && s.kind === 'audio') energy += s.totalAudioEnergy ?? 0;
        });
      return energy;
    });
  }

  async close(): Promise<void> {
    await this.browser.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}
