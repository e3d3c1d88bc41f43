// SPDX-License-Identifier: Apache-2.0
/**
 * storage.ts - what the browser remembers. A browser that refuses storage (private mode, policy) gets memory that
 * lasts as long as the page.
 *
 * The identity is a secret (PROTOCOL.md section 1): it is sent with ticket requests only. The resume token is
 * not stored: a reload ends the peer connections, so the page asks for a new ticket with the same identity.
 */

const memory = new Map<string, string>();

function read(area: () => Storage, key: string): string | null {
  try {
    return area().getItem(key);
  } catch {
    return memory.get(key) ?? null;
  }
}

function write(area: () => Storage, key: string, value: string | null): void {
  try {
    if (value === null) area().removeItem(key);
    else area().setItem(key, value);
  } catch {
    if (value === null) memory.delete(key);
    else memory.set(key, value);
  }
}

const local = (): Storage => window.localStorage;
const session = (): Storage => window.sessionStorage;

export type Preference = 'name' | 'lang' | 'mic' | 'camera' | 'speaker' | 'mic_on' | 'camera_on' | 'shortcuts';

export function preference(key: Preference): string | null {
  return read(local, `consilium.${key}`);
}

export function setPreference(key: Preference, value: string | null): void {
  write(local, `consilium.${key}`, value);
}

const IDENTITY = /^[0-9a-f]{32}$/;

/** This browser's identity: 32 hex digits, drawn once. */
export function identity(): string {
  const known = read(local, 'consilium.identity');
  if (known !== null && IDENTITY.test(known)) return known;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const drawn = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  write(local, 'consilium.identity', drawn);
  return drawn;
}

/** This tab is in `room` (null: in none), so that a reload leads straight back into it. */
export function setTabRoom(room: string | null): void {
  write(session, 'consilium.room', room);
}

export function tabRoom(): string | null {
  return read(session, 'consilium.room');
}
