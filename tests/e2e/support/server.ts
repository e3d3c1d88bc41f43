// SPDX-License-Identifier: Apache-2.0
// The real server as a child process: its own data folder, a free port, ready when it says so.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';

/** Not loopback: Firefox would not talk to it. */
export const ADDRESS = process.env['CONSILIUM_E2E_ADDRESS'] ?? '127.0.0.1';

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, ADDRESS);
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

export class Server {
  log = '';
  #child: ChildProcess | undefined;
  #ended: Promise<number | string> | undefined;

  private constructor(
    readonly port: number,
    readonly mediaPort: number,
    readonly data: string,
    readonly options: string[],
  ) {}

  /** Starts it and waits until it listens. */
  static async start(options: string[] = []): Promise<Server> {
    const server = new Server(await freePort(), await freePort(), mkdtempSync(join(tmpdir(), 'consilium-e2e-')), options);
    await server.up();
    return server;
  }

  get origin(): string {
    return `https://${ADDRESS}:${this.port}`;
  }

  /** Starts the process (again: same ports, same data). Resolves once it says that it listens. */
  async up(timeoutMs = 15_000): Promise<void> {
    const binary = process.env['CONSILIUM_SERVER'];
    const pages = process.env['CONSILIUM_STATIC'];
    if (!binary || !pages) throw new Error('CONSILIUM_SERVER and CONSILIUM_STATIC are not set: use run.sh');
    const own = ['--open-rooms', '--port', `${this.port}`, '--media-port', `${this.mediaPort}`, '--media-tcp-port', `${this.mediaPort}`,
      '--data', this.data, '--static-dir', pages, '--public-address', ADDRESS];
    const child = spawn(binary, [...own, ...this.options], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ASAN_OPTIONS: 'abort_on_error=1', UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1' },
    });
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => (code as number | null) ?? (signal as string));
    const from = this.log.length;
    await new Promise<void>((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`the server does not listen after ${timeoutMs} ms:\n${this.log}`)), timeoutMs);
      const read = (chunk: Buffer) => {
        this.log += chunk.toString();
        if (/\blistening\b/.test(this.log.slice(from))) {
          clearTimeout(limit);
          resolve();
        }
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        clearTimeout(limit);
        reject(new Error(`the server ended at once (${code ?? signal}):\n${this.log}`));
      });
    });
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
    this.#child = undefined;
  }

  /** As an administrator would; what it says with its exit code counts (the sanitizers speak there). */
  async stop(): Promise<void> {
    if (!this.#child) return;
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child?.kill('SIGKILL'), 15_000);
    const end = await this.#ended;
    clearTimeout(limit);
    this.#child = undefined;
    if (end !== 0) throw new Error(`the server ended with ${end} on SIGTERM:\n${this.log.slice(-6000)}`);
  }

  /** Also removes its data. */
  async close(): Promise<void> {
    try {
      await this.stop();
    } finally {
      rmSync(this.data, { recursive: true, force: true });
    }
  }
}
