// SPDX-License-Identifier: Apache-2.0
/**
 * stage.ts - whose picture is enlarged.
 *
 * A person's own pin wins, then a shared screen, then, when following, whoever speaks. Never oneself: when the
 * server names oneself, the latest other speaker stays. Nothing here waits: that coughs do not count is the
 * server's decision (it sends `speaker` only for a dominant one), so a change is shown at once.
 */
import { trackOf, type RoomState } from './room_state';

export interface StageItem {
  readonly participant: string;
  readonly source: 'camera' | 'screen';
}

export interface StageWishes {
  /** Follow the speaker. */
  readonly follow: boolean;
  readonly pinned: StageItem | null;
  /** Track id of a shared screen that was put away (the grid was asked for while it runs). */
  readonly dismissed: string | null;
}

/** Newest share in the room (its track id), or null. Ids `t<number>` grow, and tracks are listed as published. */
export function currentShare(room: RoomState): { item: StageItem; track: string } | null {
  let newest: { item: StageItem; track: string; order: number } | null = null;
  for (const person of room.participants) {
    const screen = trackOf(person, 'screen');
    if (!screen) continue;
    const order = Number(screen.track.slice(1)) || 0;
    if (!newest || order >= newest.order)
      newest = { item: { participant: person.id, source: 'screen' }, track: screen.track, order };
  }
  return newest && { item: newest.item, track: newest.track };
}

function present(room: RoomState, item: StageItem): boolean {
  const person = room.participants.find((other) => other.id === item.participant);
  if (!person) return false;
  return item.source === 'camera' || trackOf(person, 'screen') !== undefined;
}

/**
 * @param previous  what is on the stage now: it stays while nobody else speaks
 * @returns null when the grid is to be shown
 */
export function selectStage(room: RoomState, wishes: StageWishes, previous: StageItem | null): StageItem | null {
  if (wishes.pinned && present(room, wishes.pinned)) return wishes.pinned;
  const share = currentShare(room);
  if (share && share.track !== wishes.dismissed) return share.item;
  if (!wishes.follow) return null;
  const others = new Set(room.participants.map((person) => person.id));
  const candidates = [room.speaker, ...room.recent, previous?.participant, room.participants[0]?.id];
  const chosen = candidates.find((id): id is string => typeof id === 'string' && id !== room.self && others.has(id));
  if (chosen === undefined) return null;
  // The same object again keeps the stage's element in place.
  if (previous?.participant === chosen && previous.source === 'camera') return previous;
  return { participant: chosen, source: 'camera' };
}
