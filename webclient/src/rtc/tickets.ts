// SPDX-License-Identifier: Apache-2.0
/** tickets.ts - the HTTPS part of the protocol (PROTOCOL.md section 1). */

/** Why there is no ticket. `unreachable`: no answer at all, or none that makes sense; worth trying again. */
export class TicketError extends Error {
  constructor(
    readonly code: string,
    readonly retry: boolean,
  ) {
    super(`no ticket: ${code}`);
  }
}

const TIMEOUT_MS = 4000;

/** AbortSignal.timeout is younger than the browsers that we accept. */
async function timedFetch(url: string, init: RequestInit): Promise<Response> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    return await fetch(url, { ...init, signal: abort.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** A ticket for an open room. Throws TicketError. */
export async function openRoomTicket(room: string, name: string, identity: string): Promise<string> {
  let response: Response;
  let body: { ticket?: unknown; code?: unknown };
  try {
    response = await timedFetch(`/api/v1/visio/open-rooms/${encodeURIComponent(room)}/tickets`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name, identity }),
    });
    body = (await response.json()) as typeof body;
  } catch {
    throw new TicketError('unreachable', true);
  }
  if (response.ok && typeof body.ticket === 'string') return body.ticket;
  if (typeof body.code === 'string') throw new TicketError(body.code, response.status === 429 || response.status >= 500);
  throw new TicketError('unreachable', true);
}

export interface VisioSettings {
  open_rooms: boolean;
  version: string;
}

/** What the home page needs to know; null when the server cannot say. */
export async function visioSettings(): Promise<VisioSettings | null> {
  try {
    const response = await timedFetch('/api/v1/visio/settings', {});
    if (!response.ok) return null;
    const body = (await response.json()) as Partial<VisioSettings>;
    return { open_rooms: body.open_rooms === true, version: typeof body.version === 'string' ? body.version : '' };
  } catch {
    return null;
  }
}
