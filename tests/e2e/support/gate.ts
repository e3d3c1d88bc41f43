// SPDX-License-Identifier: Apache-2.0
// A TCP relay in front of the server's port: pages and the WebSocket pass it, media does not. So a test can take the
// socket away from one person while the media goes on.
import { createServer, connect, type Server as NetServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { ADDRESS, type Server } from './server.ts';

export class Gate {
  readonly #sockets = new Set<Socket>();
  #open = true;

  private constructor(
    readonly port: number,
    readonly relay: NetServer,
  ) {}

  static async before(server: Server): Promise<Gate> {
    const relay = createServer({ pauseOnConnect: true });
    relay.listen(0, ADDRESS);
    await once(relay, 'listening');
    const gate = new Gate((relay.address() as { port: number }).port, relay);
    relay.on('connection', (near) => gate.#pass(near, server.port));
    return gate;
  }

  #pass(near: Socket, port: number): void {
    if (!this.#open) {
      near.destroy();
      return;
    }
    const far = connect(port, ADDRESS);
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  }

  /** Ends every connection and refuses new ones. */
  cut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connections stay, but nothing passes any more; new ones are refused. As when a network cable is pulled. */
  silence(): void {
    this.#open = false;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  restore(): void {
    this.#open = true;
  }

  async close(): Promise<void> {
    this.cut();
    this.relay.close();
    await once(this.relay, 'close');
  }
}
