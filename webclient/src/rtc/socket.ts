// SPDX-License-Identifier: Apache-2.0
/**
 * socket.ts - one WebSocket of the visio protocol: requests and their answers, pings, and the decision that a
 * silent socket is dead. It never reconnects: session.ts makes a new one.
 */
import { parseServerMessage, SUBPROTOCOL, type ClientMessage, type ServerMessage } from './protocol';

/** PROTOCOL.md section 2: a ping at least every 5 s; dropped after 12 s without a word. */
export const PING_MS = 4000;
export const SILENCE_MS = 12_000;
export const OPEN_TIMEOUT_MS = 4000;

/** The server answered a request with `error`. */
export class RequestError extends Error {
  constructor(readonly code: string) {
    super(`request refused: ${code}`);
  }
}

/** The socket went away before the answer came. */
export class SocketClosed extends Error {
  constructor() {
    super('socket closed');
  }
}

export interface SocketHandlers {
  onOpen(): void;
  onMessage(message: ServerMessage): void;
  /** Called once, whatever ended the socket; `code` is 0 when it was given up here. */
  onClose(code: number): void;
}

interface Pending {
  resolve(message: ServerMessage): void;
  reject(error: Error): void;
}

export class VisioSocket {
  readonly #socket: WebSocket;
  readonly #handlers: SocketHandlers;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #heardAt = Date.now();
  #watch: ReturnType<typeof setInterval> | undefined;
  #openTimer: ReturnType<typeof setTimeout> | undefined;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(url: string, handlers: SocketHandlers) {
    this.#handlers = handlers;
    this.#socket = new WebSocket(url, SUBPROTOCOL);
    this.#openTimer = setTimeout(() => this.#finish(0), OPEN_TIMEOUT_MS);
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = (event: MessageEvent) => this.#received(event.data);
    this.#socket.onclose = (event: CloseEvent) => this.#finish(event.code);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(message: ClientMessage): number {
    const id = this.#nextId++;
    // `subscribed` and `leave` have no answer, so they carry no id.
    const numbered = message.type === 'subscribed' || message.type === 'leave' ? message : { ...message, id };
    if (!this.#closed && this.#socket.readyState === 1) this.#socket.send(JSON.stringify(numbered));
    return id;
  }

  /** The answer to `message`; rejects with RequestError or SocketClosed. */
  request(message: ClientMessage): Promise<ServerMessage> {
    if (this.#closed || this.#socket.readyState !== 1) return Promise.reject(new SocketClosed());
    const id = this.send(message);
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  /** The network may have changed: an answer within `timeout_ms`, or the socket counts as dropped. */
  probe(timeout_ms: number): void {
    if (this.#closed || this.#socket.readyState !== 1 || this.#probeTimer !== undefined) return;
    const asked = Date.now();
    this.send({ type: 'ping' });
    this.#probeTimer = setTimeout(() => {
      this.#probeTimer = undefined;
      if (this.#heardAt < asked) this.#finish(0);
    }, timeout_ms);
  }

  close(): void {
    this.#finish(0);
  }

  #opened(): void {
    clearTimeout(this.#openTimer);
    this.#heardAt = Date.now();
    this.#watch = setInterval(() => this.#tick(), PING_MS);
    this.#handlers.onOpen();
  }

  #tick(): void {
    if (Date.now() - this.#heardAt >= SILENCE_MS) this.#finish(0);
    else this.send({ type: 'ping' });
  }

  #received(data: unknown): void {
    if (this.#closed) return;
    this.#heardAt = Date.now();
    const message = parseServerMessage(data);
    if (message === null || message.type === 'pong') return;
    const re = 're' in message ? message.re : undefined;
    const pending = re === undefined ? undefined : this.#pending.get(re);
    if (re !== undefined && pending) {
      this.#pending.delete(re);
      if (message.type === 'error') pending.reject(new RequestError(message.code));
      else pending.resolve(message);
      return;
    }
    this.#handlers.onMessage(message);
  }

  #finish(code: number): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#openTimer);
    clearTimeout(this.#probeTimer);
    clearInterval(this.#watch);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    if (this.#socket.readyState <= 1) this.#socket.close();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const entry of pending) entry.reject(new SocketClosed());
    this.#handlers.onClose(code);
  }
}
