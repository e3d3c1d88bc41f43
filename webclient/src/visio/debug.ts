// SPDX-License-Identifier: Apache-2.0
/**
 * debug.ts - window.__consilium: what the page knows, to read only, for tests and for support.
 * Holds no secret: no identity, no ticket, no resume token.
 */
import type { LocalMedia } from '../rtc/media';
import type { VisioSession } from '../rtc/session';
import { inboundStats, outboundStats, type InboundStats, type OutboundStats } from '../rtc/stats';

let session: VisioSession | null = null;
let media: LocalMedia | null = null;

function input(kind: 'mic' | 'camera'): object | null {
  const state = media?.get()[kind];
  return state ? { on: state.on, live: state.track?.readyState === 'live', problem: state.problem } : null;
}

function ice(pc: RTCPeerConnection | null | undefined): string | null {
  return pc?.iceConnectionState ?? null;
}

function state(): object {
  const now = session?.get();
  return {
    ...(now?.room ?? { phase: 'prejoin' }),
    speaking: [...(now?.speaking ?? [])],
    uplink: now?.uplink ?? null,
    mediaTrouble: now?.mediaTrouble ?? false,
    local: { mic: input('mic'), camera: input('camera'), screen: (now?.screen ?? null) !== null },
    received: [...(now?.remote.values() ?? [])].map(({ track, participant, source }) => ({ track, participant, source })),
    connections: { publish: ice(session?.publishPc), subscribe: ice(session?.subscribePc) },
  };
}

/** Every received track, by participant and source. */
function stats(): Promise<InboundStats[]> {
  return session ? inboundStats(session.get().remote) : Promise.resolve([]);
}

/** Every sent stream. */
function sent(): Promise<OutboundStats[]> {
  const pc = session?.publishPc;
  return pc ? outboundStats(pc) : Promise.resolve([]);
}

export function exposeDebug(currentSession: VisioSession | null, currentMedia: LocalMedia): void {
  session = currentSession;
  media = currentMedia;
  if ('__consilium' in window) return;
  Object.defineProperty(window, '__consilium', { value: Object.freeze({ state, stats, sent }) });
}
