// SPDX-License-Identifier: Apache-2.0
// A person: one Chromium with a camera and a microphone of its own, one page, and what that person does and notices.
import { chromium, expect, type Browser, type BrowserContext, type Locator, type Page } from '@playwright/test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { captureFiles, SIGNATURES } from './capture.ts';
import { installProbe, type Look, type Probe } from './probe.ts';

/** A tone that is there measures 0.8 and more, the side bands of another one at most 0.015, silence 0. */
const AUDIBLE = 0.1;
const SILENT = 0.04;

declare global {
  interface Window {
    __probe: Probe;
  }
}

/** One browser for each signature, started when first needed and kept: a start costs more than most tests. */
export class Browsers {
  readonly #folder = mkdtempSync(join(tmpdir(), 'consilium-capture-'));
  readonly #browsers = new Map<string, Promise<Browser>>();

  get(signature: number, extra: string[] = []): Promise<Browser> {
    const key = [signature, ...extra].join(' ');
    let browser = this.#browsers.get(key);
    if (!browser) {
      const { video, audio } = captureFiles(this.#folder, signature);
      browser = chromium.launch({
        executablePath: process.env['CONSILIUM_CHROMIUM'] ?? '/usr/bin/chromium',
        args: [
          '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
          '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
          '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
          '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=display-media-type=monitor',
          `--use-file-for-fake-video-capture=${video}`, `--use-file-for-fake-audio-capture=${audio}`,
          ...extra,
        ],
      });
      this.#browsers.set(key, browser);
    }
    return browser;
  }

  async close(): Promise<void> {
    for (const browser of this.#browsers.values()) await (await browser).close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export interface PersonOptions {
  locale?: string;
  viewport?: { width: number; height: number };
}

export class Person {
  /** what the browser's console said that is an error, and uncaught exceptions */
  readonly errors: string[] = [];

  private constructor(
    readonly name: string,
    readonly signature: number,
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    this.#watch(page);
  }

  static async create(browsers: Browsers, name: string, signature: number, options: PersonOptions = {}): Promise<Person> {
    const browser = await browsers.get(signature);
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      locale: options.locale ?? 'fr-FR',
      viewport: options.viewport ?? { width: 1000, height: 640 },
    });
    await context.addInitScript(installProbe, SIGNATURES.map((s) => s.rgb));
    return new Person(name, signature, context, await context.newPage());
  }

  #watch(page: Page): void {
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(`${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.errors.push(String(error)));
  }

  /** The same person in a second tab of the same browser. */
  async secondTab(): Promise<Person> {
    return new Person(this.name, this.signature, this.context, await this.context.newPage());
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  control(which: 'follow' | 'share' | 'camera' | 'mic' | 'leave'): Locator {
    return this.get(`control-${which}`);
  }

  /** the banner that says that the connection is being made again */
  reconnecting(): Locator {
    return this.page.locator('[data-testid=banner][data-kind=reconnecting]');
  }

  /** Opens the link of a room, up to the page before entering. */
  async open(link: string): Promise<void> {
    await this.page.goto(link);
    await expect(this.get('prejoin-join')).toBeVisible();
  }

  /** Types the name and enters. */
  async join(): Promise<void> {
    await this.get('prejoin-name').fill(this.name);
    await this.get('prejoin-join').click();
  }

  async enter(link: string): Promise<void> {
    await this.open(link);
    await this.join();
    await expect(this.control('leave')).toBeVisible();
  }

  /** The tile in which this person sees `other`. */
  tile(other: Person | string, source: 'camera' | 'screen' = 'camera'): Locator {
    const name = typeof other === 'string' ? other : other.name;
    return this.page.locator(`[data-testid=tile][data-name=${JSON.stringify(name)}][data-source=${source}]`);
  }

  look(tile: Locator): Promise<Look | null> {
    return tile.evaluate((element) => window.__probe.look(element));
  }

  /** When (Date.now()) the tile first showed a decoded picture of this signature. */
  firstPicture(tile: Locator, signature: number, timeoutMs = 15_000): Promise<number> {
    return this.#ask(timeoutMs, (left) =>
      tile.evaluate((element, [colour, ms]) => window.__probe.colour(element, colour, ms), [signature, left] as const),
    );
  }

  /** The tile shows a decoded picture of this signature, and it moves. Returns when it did (Date.now()). */
  async sees(tile: Locator, signature: number, timeoutMs = 15_000): Promise<number> {
    await this.firstPicture(tile, signature, timeoutMs);
    return this.moves(tile, timeoutMs);
  }

  /** Three pictures, each other than the one before. Returns when the last one came (Date.now()). */
  moves(tile: Locator, timeoutMs = 15_000): Promise<number> {
    return this.#ask(timeoutMs, (left) => tile.evaluate((element, ms) => window.__probe.moves(element, ms), left));
  }

  /** Asks the page's probe, again if the page has meanwhile put another element in the tile's place. */
  async #ask(timeoutMs: number, question: (leftMs: number) => Promise<number>): Promise<number> {
    const end = Date.now() + timeoutMs;
    let answer = 0;
    await expect(async () => {
      answer = await question(Math.max(100, end - Date.now()));
    }, this.name).toPass({ timeout: timeoutMs + 500, intervals: [50] });
    return answer;
  }

  /** Exactly these signatures are heard; every other one is silent. */
  async hears(...signatures: number[]): Promise<void> {
    await expect(async () => {
      const levels = await this.levels();
      levels.forEach((level, signature) => {
        const what = `${this.name} hears ${SIGNATURES[signature]?.hz} Hz (levels ${levels.map((l) => l.toFixed(4)).join(' ')})`;
        if (signatures.includes(signature)) expect(level, what).toBeGreaterThan(AUDIBLE);
        else expect(level, `not: ${what}`).toBeLessThan(SILENT);
      });
    }).toPass({ timeout: 15_000, intervals: [200] });
  }

  /** Level of each signature's tone in what the page plays, during three quarters of a second (a burst and more). */
  levels(): Promise<number[]> {
    return this.page.evaluate((hz) => window.__probe.heard(hz, 750), SIGNATURES.map((s) => s.hz));
  }
}
