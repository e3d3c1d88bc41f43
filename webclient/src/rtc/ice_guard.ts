// SPDX-License-Identifier: Apache-2.0
/**
 * ice_guard.ts - watches one peer connection and asks for an ICE restart when its path is gone.
 *
 * Path gone: iceConnectionState `failed`, or `disconnected` for 3 s, or `checking` for 10 s, or the server says
 * that consent expired. A restart gets 6 s; after three that did not help, `giveUp` (join afresh).
 */

const DISCONNECTED_MS = 3000;
const CHECKING_MS = 10_000;
const RESTART_MS = 6000;
const RESTARTS_MAX = 3;

export interface IceGuardActions {
  /** False when it cannot be asked now (no socket): that one does not count, `socketBack` brings the next. */
  restart(): boolean;
  giveUp(): void;
  /** Media is (not) flowing as far as ICE can say; called on changes only. */
  onTrouble(troubled: boolean): void;
}

export class IceGuard {
  readonly #pc: RTCPeerConnection;
  readonly #actions: IceGuardActions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restarts = 0;
  #troubled = false;
  #closed = false;

  constructor(pc: RTCPeerConnection, actions: IceGuardActions) {
    this.#pc = pc;
    this.#actions = actions;
    pc.addEventListener('iceconnectionstatechange', this.#changed);
  }

  get troubled(): boolean {
    return this.#troubled;
  }

  /** The server lost this transport, or the network changed: restart now. */
  lost(): void {
    if (this.#closed || this.#pc.iceConnectionState === 'new') return;
    this.#restarts = 0;
    this.#restart();
  }

  /** The signaling socket is back: what could not be asked meanwhile is asked now. */
  socketBack(): void {
    if (this.#troubled || ['failed', 'disconnected'].includes(this.#pc.iceConnectionState)) this.lost();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#pc.removeEventListener('iceconnectionstatechange', this.#changed);
  }

  readonly #changed = (): void => {
    if (this.#closed) return;
    switch (this.#pc.iceConnectionState) {
      case 'connected':
      case 'completed':
        clearTimeout(this.#timer);
        this.#restarts = 0;
        this.#setTrouble(false);
        break;
      case 'checking':
        // While a restart is under way its own time limit holds.
        if (this.#restarts === 0) this.#later(CHECKING_MS);
        break;
      case 'disconnected':
        if (this.#restarts === 0) this.#later(DISCONNECTED_MS);
        break;
      case 'failed':
        this.#restart();
        break;
      default:
        break;
    }
  };

  #later(wait_ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#restart(), wait_ms);
  }

  #restart(): void {
    this.#setTrouble(true);
    if (this.#restarts >= RESTARTS_MAX) {
      this.close();
      this.#actions.giveUp();
      return;
    }
    clearTimeout(this.#timer);
    if (!this.#actions.restart()) return;
    this.#restarts += 1;
    this.#timer = setTimeout(() => this.#check(), RESTART_MS);
  }

  #check(): void {
    if (['connected', 'completed'].includes(this.#pc.iceConnectionState)) {
      this.#restarts = 0;
      this.#setTrouble(false);
    } else this.#restart();
  }

  #setTrouble(troubled: boolean): void {
    if (this.#troubled === troubled) return;
    this.#troubled = troubled;
    this.#actions.onTrouble(troubled);
  }
}
