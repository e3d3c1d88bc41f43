// SPDX-License-Identifier: Apache-2.0
/**
 * room_state.ts - who is in the room and what they publish, as a pure function of what happened.
 * Reads no clock, keeps nothing outside the state, so every case is a test without a browser.
 */
import type { ParticipantInfo, Quality, Right, RoomInfo, RoomMessage, TrackInfo, WelcomeMessage } from './protocol';

/** `idle` before the first attempt; `ended` is final until the person asks to enter again. */
export type Phase = 'idle' | 'connecting' | 'in_room' | 'reconnecting' | 'ended';

export interface Ending {
  /** `left`: one's own wish; `replaced`: another tab of the same person; `refused`: everything else, see `code`. */
  kind: 'left' | 'replaced' | 'refused';
  code: string;
  retry: boolean;
  opens_at: string | null;
}

export interface Participant {
  readonly id: string;
  readonly name: string;
  readonly tracks: readonly TrackInfo[];
}

export interface RoomState {
  readonly phase: Phase;
  readonly ending: Ending | null;
  /** One's own participant id, null before the first welcome. */
  readonly self: string | null;
  readonly room: RoomInfo | null;
  readonly rights: readonly Right[];
  /** The others, in order of arrival. */
  readonly participants: readonly Participant[];
  readonly speaker: string | null;
  readonly recent: readonly string[];
  readonly quality: Readonly<Record<string, Quality>>;
}

export type RoomAction =
  | { type: 'connecting' }
  | { type: 'dropped' }
  | { type: 'ended'; ending: Ending }
  | WelcomeMessage
  | RoomMessage;

export const initialRoom: RoomState = {
  phase: 'idle',
  ending: null,
  self: null,
  room: null,
  rights: [],
  participants: [],
  speaker: null,
  recent: [],
  quality: {},
};

function entered(info: ParticipantInfo): Participant {
  return { id: info.participant, name: info.name, tracks: info.tracks ?? [] };
}

function welcomed(state: RoomState, message: WelcomeMessage): RoomState {
  const people = message.participants.map(entered);
  const known = new Set([message.participant, ...people.map((person) => person.id)]);
  const kept = message.resumed ? state : initialRoom;
  return {
    phase: 'in_room',
    ending: null,
    self: message.participant,
    room: message.room,
    rights: message.rights,
    participants: people,
    speaker: kept.speaker !== null && known.has(kept.speaker) ? kept.speaker : null,
    recent: kept.recent.filter((id) => known.has(id)),
    quality: Object.fromEntries(Object.entries(kept.quality).filter(([id]) => known.has(id))),
  };
}

function without(state: RoomState, id: string): RoomState {
  const { [id]: _gone, ...quality } = state.quality;
  return {
    ...state,
    participants: state.participants.filter((person) => person.id !== id),
    speaker: state.speaker === id ? null : state.speaker,
    recent: state.recent.filter((other) => other !== id),
    quality,
  };
}

function withTracks(
  state: RoomState,
  id: string,
  change: (tracks: readonly TrackInfo[]) => readonly TrackInfo[],
): RoomState {
  let changed = false;
  const participants = state.participants.map((person) => {
    if (person.id !== id) return person;
    const tracks = change(person.tracks);
    if (tracks === person.tracks) return person;
    changed = true;
    return { ...person, tracks };
  });
  return changed ? { ...state, participants } : state;
}

/** The state after `action`; the same object when nothing changed. */
export function reduceRoom(state: RoomState, action: RoomAction): RoomState {
  switch (action.type) {
    case 'connecting':
      return { ...initialRoom, phase: 'connecting' };
    case 'dropped':
      return state.phase === 'in_room' ? { ...state, phase: 'reconnecting' } : state;
    case 'ended':
      return { ...initialRoom, room: state.room, phase: 'ended', ending: action.ending };
    case 'welcome':
      return welcomed(state, action);
    case 'participant_joined': {
      const others = state.participants.filter((person) => person.id !== action.participant.participant);
      return { ...state, participants: [...others, entered(action.participant)] };
    }
    case 'participant_left':
      return without(state, action.participant);
    case 'track_published': {
      const { track, source, muted } = action;
      return withTracks(state, action.participant, (tracks) => [
        ...tracks.filter((other) => other.track !== track),
        { track, source, muted },
      ]);
    }
    case 'track_unpublished':
      return withTracks(state, action.participant, (tracks) =>
        tracks.some((other) => other.track === action.track)
          ? tracks.filter((other) => other.track !== action.track)
          : tracks,
      );
    case 'track_muted':
      return withTracks(state, action.participant, (tracks) =>
        tracks.some((other) => other.track === action.track && other.muted !== action.muted)
          ? tracks.map((other) => (other.track === action.track ? { ...other, muted: action.muted } : other))
          : tracks,
      );
    case 'speaker':
      return { ...state, speaker: action.participant, recent: action.recent ?? [] };
    case 'quality':
      return { ...state, quality: { ...state.quality, ...action.participants } };
  }
}

export function trackOf(person: Participant, source: TrackInfo['source']): TrackInfo | undefined {
  return person.tracks.find((track) => track.source === source);
}
