// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { initialRoom, type RoomState } from './room_state';
import { currentShare, selectStage, type StageWishes } from './stage';

function room(change: Partial<RoomState> = {}): RoomState {
  const person = (id: string): RoomState['participants'][number] => ({ id, name: id, tracks: [] });
  return { ...initialRoom, phase: 'in_room', self: 'p1', participants: [person('p2'), person('p3'), person('p4')], ...change };
}

function sharing(state: RoomState, id: string, track: string): RoomState {
  const participants = state.participants.map((person) =>
    person.id === id ? { ...person, tracks: [...person.tracks, { track, source: 'screen' as const, muted: false }] } : person,
  );
  return { ...state, participants };
}

const follow: StageWishes = { follow: true, pinned: null, dismissed: null };
const grid: StageWishes = { ...follow, follow: false };
const camera = (participant: string) => ({ participant, source: 'camera' as const });

describe('B4 follow the speaker', () => {
  it('shows whoever speaks, at once', () => {
    expect(selectStage(room({ speaker: 'p3', recent: ['p3'] }), follow, camera('p2'))).toEqual(camera('p3'));
  });

  it('never shows oneself: the latest other speaker stays', () => {
    expect(selectStage(room({ speaker: 'p1', recent: ['p1', 'p4', 'p2'] }), follow, null)).toEqual(camera('p4'));
    expect(selectStage(room({ speaker: 'p1', recent: ['p1'] }), follow, camera('p3'))).toEqual(camera('p3'));
  });

  it('keeps the same object while nothing changes', () => {
    const previous = camera('p3');
    expect(selectStage(room({ speaker: 'p3' }), follow, previous)).toBe(previous);
    expect(selectStage(room(), follow, previous)).toBe(previous);
  });

  it('starts with the first person and leaves those who left', () => {
    expect(selectStage(room(), follow, null)).toEqual(camera('p2'));
    expect(selectStage(room({ speaker: null, recent: ['p9'] }), follow, camera('p9'))).toEqual(camera('p2'));
    expect(selectStage(room({ participants: [] }), follow, camera('p9'))).toBeNull();
  });

  it('a shared screen wins over the speaker, a pin over both', () => {
    const state = sharing(room({ speaker: 'p3' }), 'p2', 't7');
    expect(selectStage(state, follow, null)).toEqual({ participant: 'p2', source: 'screen' });
    expect(selectStage(state, grid, null)).toEqual({ participant: 'p2', source: 'screen' });
    expect(selectStage(state, { ...follow, pinned: camera('p4') }, null)).toEqual(camera('p4'));
  });

  it('a share that was put away stays away, the next one shows', () => {
    const state = sharing(room(), 'p2', 't7');
    expect(selectStage(state, { ...grid, dismissed: 't7' }, null)).toBeNull();
    expect(currentShare(sharing(state, 'p3', 't12'))?.track).toBe('t12');
    expect(selectStage(sharing(state, 'p3', 't12'), { ...grid, dismissed: 't7' }, null)?.participant).toBe('p3');
  });

  it('a pin that is gone does not hold the stage', () => {
    expect(selectStage(room({ speaker: 'p3' }), { ...follow, pinned: camera('p9') }, null)).toEqual(camera('p3'));
    expect(selectStage(room(), { ...grid, pinned: { participant: 'p2', source: 'screen' } }, null)).toBeNull();
  });
});
