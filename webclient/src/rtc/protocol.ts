// SPDX-License-Identifier: Apache-2.0
/**
 * protocol.ts - the visio protocol, version 1, as types (PROTOCOL.md at the root of the repository).
 *
 * What the server sends is trusted to follow the document once its `type` is known; unknown types and
 * unreadable text are dropped here, so that a newer server does not break an older page.
 */

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = 'consilium-visio-1';

export type Source = 'mic' | 'camera' | 'screen' | 'screen_audio';
export type Right = 'publish_audio' | 'publish_video' | 'publish_screen' | 'subscribe' | 'moderate';
/** 3 good, 2 fair, 1 poor, 0 lost. */
export type Quality = 0 | 1 | 2 | 3;
export type PcName = 'publish' | 'subscribe';

/** The room's name in a path: what the server accepts. */
export const ROOM_NAME = /^[a-z0-9-]{3,64}$/;

export interface TrackInfo {
  track: string;
  source: Source;
  muted: boolean;
}

export interface ParticipantInfo {
  participant: string;
  name: string;
  tracks: TrackInfo[];
}

export interface RoomInfo {
  name: string;
  title: string;
  capacity: number;
  opens_at: string | null;
  closes_at: string | null;
}

export type RefusedCode =
  | 'ticket_invalid'
  | 'resume_unknown'
  | 'version_unsupported'
  | 'room_full'
  | 'room_not_open'
  | 'room_closed'
  | 'removed'
  | 'busy';

export type ClosingReason = 'server_shutdown' | 'room_closed' | 'room_time_over' | 'replaced' | 'removed' | 'left';

export interface WelcomeMessage {
  type: 'welcome';
  re?: number;
  version: number;
  resumed: boolean;
  participant: string;
  resume: string;
  room: RoomInfo;
  rights: Right[];
  ice_servers: RTCIceServer[];
  participants: ParticipantInfo[];
}

export interface RefusedMessage {
  type: 'refused';
  re?: number;
  code: RefusedCode;
  message?: string;
  retry?: boolean;
  opens_at?: string | null;
}

export interface PublishedMessage {
  type: 'published';
  re: number;
  sdp: string;
  tracks: { mid: string; track: string }[];
}

export interface SubscribeMessage {
  type: 'subscribe';
  rev: number;
  sdp: string;
  tracks: { mid: string; participant: string; track: string; source: Source }[];
}

export interface ClosingMessage {
  type: 'closing';
  reason: ClosingReason;
  reconnect?: boolean;
  after_ms?: number;
}

export interface ErrorMessage {
  type: 'error';
  re?: number;
  code: string;
  message?: string;
}

/** What changes the list of people and tracks: the pure reducer in room_state.ts understands these. */
export type RoomMessage =
  | { type: 'participant_joined'; participant: ParticipantInfo }
  | { type: 'participant_left'; participant: string; reason: 'left' | 'timeout' | 'replaced' | 'removed' }
  | { type: 'track_published'; participant: string; track: string; source: Source; muted: boolean }
  | { type: 'track_unpublished'; participant: string; track: string }
  | { type: 'track_muted'; participant: string; track: string; muted: boolean; by: 'self' | 'moderator' }
  | { type: 'speaker'; participant: string | null; recent: string[] }
  | { type: 'quality'; participants: Record<string, Quality> };

export type ServerMessage =
  | WelcomeMessage
  | RefusedMessage
  | PublishedMessage
  | SubscribeMessage
  | ClosingMessage
  | ErrorMessage
  | RoomMessage
  | { type: 'ok'; re: number }
  | { type: 'pong'; re: number }
  | { type: 'connection'; pc: PcName; state: 'connected' | 'lost' | 'failed' };

export type ClientMessage =
  | { type: 'join'; version: number; ticket: string }
  | { type: 'resume'; version: number; token: string }
  | { type: 'publish'; sdp: string; tracks: { mid: string; source: Source; muted: boolean }[] }
  | { type: 'subscribed'; rev: number; sdp: string }
  | { type: 'mute'; track: string; muted: boolean }
  | { type: 'moderate'; action: 'mute'; participant: string; track: string }
  | { type: 'moderate'; action: 'remove'; participant: string }
  | { type: 'restart'; pc: PcName }
  | { type: 'ping' }
  | { type: 'leave' };

const SERVER_TYPES: ReadonlySet<string> = new Set([
  'welcome',
  'refused',
  'published',
  'subscribe',
  'closing',
  'error',
  'ok',
  'pong',
  'connection',
  'participant_joined',
  'participant_left',
  'track_published',
  'track_unpublished',
  'track_muted',
  'speaker',
  'quality',
]);

/** The message in `text`, or null when it is not one of version 1. */
export function parseServerMessage(text: unknown): ServerMessage | null {
  if (typeof text !== 'string') return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const type = (value as { type?: unknown }).type;
  return typeof type === 'string' && SERVER_TYPES.has(type) ? (value as ServerMessage) : null;
}
