// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { welcome } from './fakes';
import { initialRoom, reduceRoom, trackOf, type RoomAction, type RoomState } from './room_state';

const after = (...actions: RoomAction[]): RoomState => actions.reduce(reduceRoom, initialRoom);

describe('room state', () => {
  it('enters with the others that are there', () => {
    const room = after({ type: 'connecting' }, welcome());
    expect(room.phase).toBe('in_room');
    expect(room.self).toBe('p1');
    expect(room.participants.map((person) => person.name)).toEqual(['Dr A']);
  });

  it('follows people and tracks', () => {
    const room = after(
      welcome(),
      { type: 'participant_joined', participant: { participant: 'p9', name: 'B', tracks: [] } },
      { type: 'participant_joined', participant: { participant: 'p9', name: 'B', tracks: [] } },
      { type: 'track_published', participant: 'p9', track: 't8', source: 'camera', muted: false },
      { type: 'track_muted', participant: 'p9', track: 't8', muted: true, by: 'self' },
      { type: 'track_unpublished', participant: 'p3', track: 't4' },
    );
    expect(room.participants.map((person) => person.id)).toEqual(['p3', 'p9']);
    expect(trackOf(room.participants[1]!, 'camera')).toEqual({ track: 't8', source: 'camera', muted: true });
    expect(room.participants[0]?.tracks).toEqual([]);
  });

  it('forgets everything about somebody who left', () => {
    const room = after(
      welcome(),
      { type: 'speaker', participant: 'p3', recent: ['p3', 'p1'] },
      { type: 'quality', participants: { p3: 1, p1: 3 } },
      { type: 'participant_left', participant: 'p3', reason: 'timeout' },
    );
    expect(room).toMatchObject({ participants: [], speaker: null, recent: ['p1'], quality: { p1: 3 } });
  });

  it('does not change for people and tracks that it does not know', () => {
    const room = after(welcome());
    expect(reduceRoom(room, { type: 'track_unpublished', participant: 'p8', track: 't1' })).toBe(room);
    expect(reduceRoom(room, { type: 'track_muted', participant: 'p3', track: 't4', muted: false, by: 'self' })).toBe(room);
  });

  it('keeps the picture while reconnecting, and takes the whole new state on resume', () => {
    const before = after(welcome(), { type: 'speaker', participant: 'p3', recent: ['p3'] }, { type: 'dropped' });
    expect(before).toMatchObject({ phase: 'reconnecting', participants: [{ id: 'p3' }] });
    const resumed = reduceRoom(before, welcome({ resumed: true }));
    expect(resumed).toMatchObject({ phase: 'in_room', speaker: 'p3' });
    const afresh = reduceRoom(before, welcome({ participant: 'p20', participants: [] }));
    expect(afresh).toMatchObject({ phase: 'in_room', self: 'p20', participants: [], speaker: null, recent: [] });
  });

  it('drops only out of a room', () => {
    expect(after({ type: 'connecting' }, { type: 'dropped' }).phase).toBe('connecting');
    const ending = { kind: 'left', code: 'left', retry: true, opens_at: null } as const;
    expect(after(welcome(), { type: 'ended', ending }, { type: 'dropped' }).phase).toBe('ended');
  });
});
