// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakePc, FakeSocket, fakeTrack, welcome } from './fakes';
import type { InputState, LocalMedia, MediaState } from './media';
import { VisioSession } from './session';
import { Store } from './store';
import { TicketError } from './tickets';

function fakeMedia(): LocalMedia {
  const input = (track: MediaStreamTrack): InputState => ({ on: true, track, problem: null, busy: false, selected: null });
  const store = new Store<MediaState>({
    mic: input(fakeTrack('audio')),
    camera: input(fakeTrack('video')),
    speaker: '',
    devices: { mic: [], camera: [], speaker: [] },
  });
  const patch = (kind: 'mic' | 'camera', change: Partial<InputState>): void =>
    store.set({ ...store.get(), [kind]: { ...store.get()[kind], ...change } });
  return Object.assign(store, {
    holdMic: (on: boolean) => patch('mic', { on }),
    setCamera: (on: boolean) => Promise.resolve(patch('camera', { on, track: on ? fakeTrack('video') : null })),
    patch,
  }) as unknown as LocalMedia;
}

const flush = () => vi.advanceTimersByTimeAsync(0);
let media: LocalMedia;
let tickets: ReturnType<typeof vi.fn<() => Promise<string>>>;
let session: VisioSession;
const phase = () => session.get().room.phase;

async function entered(): Promise<void> {
  session.enter();
  await flush();
  FakeSocket.last.open();
  FakeSocket.last.say(welcome());
  await flush();
}

/** Answers the publish request that is out. */
async function answerPublish(): Promise<void> {
  const asked = FakeSocket.last.of('publish').at(-1) as unknown as { id: number; tracks: { mid: string }[] };
  const tracks = asked.tracks.map(({ mid }) => ({ mid, track: `t10${mid}` }));
  FakeSocket.last.say({ type: 'published', re: asked.id, sdp: 'x', tracks });
  await flush();
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('RTCPeerConnection', FakePc);
  vi.stubGlobal('MediaStream', class {});
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  FakeSocket.all = [];
  FakePc.all = [];
  media = fakeMedia();
  let serial = 0;
  tickets = vi.fn(() => Promise.resolve(`ticket${++serial}`));
  session = new VisioSession({ room: 'demo', url: 'wss://x/visio/ws', media, ticket: tickets });
});

afterEach(() => {
  session.leave();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('entering', () => {
  it('takes a ticket, joins, publishes microphone and camera', async () => {
    await entered();
    expect(FakeSocket.last.sent[0]).toMatchObject({ type: 'join', version: 1, ticket: 'ticket1', id: 1 });
    expect(phase()).toBe('in_room');
    expect(FakeSocket.last.of('publish')).toMatchObject([
      { tracks: [{ mid: '0', source: 'mic', muted: false }, { mid: '1', source: 'camera', muted: false }] },
    ]);
  });

  it('says why it is refused', async () => {
    session.enter();
    await flush();
    FakeSocket.last.open();
    FakeSocket.last.say({ type: 'refused', re: 1, code: 'room_not_open', retry: true, opens_at: '2026-12-01T13:00:00Z' });
    expect(session.get().room.ending).toEqual({
      kind: 'refused', code: 'room_not_open', retry: true, opens_at: '2026-12-01T13:00:00Z',
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all.length).toBe(1);
  });

  it('ends with the code of a ticket that is not given; tries for 10 s where the server is away', async () => {
    tickets.mockRejectedValueOnce(new TicketError('open_rooms_off', false));
    session.enter();
    await flush();
    expect(session.get().room.ending?.code).toBe('open_rooms_off');
    tickets.mockRejectedValue(new TicketError('unreachable', true));
    session.enter();
    await vi.advanceTimersByTimeAsync(9000);
    expect(phase()).toBe('connecting');
    await vi.advanceTimersByTimeAsync(6000);
    expect(session.get().room.ending).toMatchObject({ code: 'unreachable', retry: true });
  });
});

describe('B7 coming back', () => {
  it('resumes with the token, keeps the connections, repeats what may be lost', async () => {
    await entered();
    await answerPublish();
    const connections = [...FakePc.all];
    await vi.advanceTimersByTimeAsync(6000);
    FakeSocket.last.drop();
    expect(phase()).toBe('reconnecting');
    (media as unknown as { patch: (kind: 'mic', change: object) => void }).patch('mic', { on: false });
    await flush();
    expect(FakeSocket.all.length).toBe(2);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]).toMatchObject({ type: 'resume', token: 'r' });
    FakeSocket.last.say(welcome({ resumed: true, resume: 'r2' }));
    await flush();
    expect(phase()).toBe('in_room');
    expect(session.get().notice?.key).toBe('back');
    expect(FakePc.all).toEqual(connections);
    expect(FakeSocket.last.of('publish')).toEqual([]);
    FakeSocket.last.say({ type: 'ok', re: FakeSocket.last.of('mute')[0]?.id });
    await flush();
    expect(FakeSocket.last.of('mute')).toMatchObject([
      { track: 't100', muted: true },
      { track: 't101', muted: false },
    ]);
    expect(tickets).toHaveBeenCalledTimes(1);
  });

  it('offers again after a resume when the answer was lost', async () => {
    await entered();
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(1000);
    FakeSocket.last.open();
    FakeSocket.last.say(welcome({ resumed: true, resume: 'r2' }));
    await flush();
    expect(FakeSocket.last.of('publish').length).toBe(1);
  });

  it('is back in a restarted server within 5 s, by itself, with a new ticket', async () => {
    await entered();
    await vi.advanceTimersByTimeAsync(8000);
    FakeSocket.last.drop();
    // Killed: connections fail at once for 20 s.
    const killed = Date.now();
    while (Date.now() - killed < 20_000) {
      await vi.advanceTimersByTimeAsync(50);
      if (FakeSocket.last.readyState === 0) FakeSocket.last.drop();
    }
    while (FakeSocket.last.readyState !== 0) await vi.advanceTimersByTimeAsync(50);
    expect(Date.now() - killed).toBeLessThan(21_500);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]?.type).toBe('resume');
    FakeSocket.last.say({ type: 'refused', re: 1, code: 'resume_unknown', retry: false });
    await flush();
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]).toMatchObject({ type: 'join', ticket: 'ticket2' });
    FakeSocket.last.say(welcome({ participant: 'p7', participants: [] }));
    await flush();
    expect(session.get().room).toMatchObject({ phase: 'in_room', self: 'p7' });
    expect(FakePc.all.map((pc) => pc.closed)).toEqual([true, true, false, false]);
    expect(FakeSocket.last.of('publish').length).toBe(1);
  });

  it('joins afresh when 30 s have passed', async () => {
    await entered();
    await vi.advanceTimersByTimeAsync(6000);
    FakeSocket.last.drop();
    const lost = Date.now();
    while (Date.now() - lost < 40_000) {
      await vi.advanceTimersByTimeAsync(500);
      if (FakeSocket.last.readyState === 0) FakeSocket.last.drop();
    }
    while (FakeSocket.last.readyState !== 0) await vi.advanceTimersByTimeAsync(500);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]?.type).toBe('join');
  });

  it('waits as long as a server that goes down asks', async () => {
    await entered();
    await vi.advanceTimersByTimeAsync(6000);
    FakeSocket.last.say({ type: 'closing', reason: 'server_shutdown', reconnect: true, after_ms: 1000 });
    expect(phase()).toBe('reconnecting');
    await vi.advanceTimersByTimeAsync(999);
    expect(FakeSocket.all.length).toBe(1);
    await vi.advanceTimersByTimeAsync(400);
    expect(FakeSocket.all.length).toBe(2);
  });

  it('does not hammer a server that drops everybody at once', async () => {
    await entered();
    for (let round = 0; round < 40; round += 1) {
      if (FakeSocket.last.readyState === 0) FakeSocket.last.open();
      if (FakeSocket.last.readyState === 1) {
        FakeSocket.last.say(welcome());
        FakeSocket.last.drop();
      }
      await vi.advanceTimersByTimeAsync(250);
    }
    expect(FakeSocket.all.length).toBeLessThan(18);
  });

  it('joins afresh after a failed negotiation', async () => {
    await entered();
    FakeSocket.last.say({ type: 'error', code: 'negotiation_failed' });
    FakeSocket.last.drop(4000);
    await vi.advanceTimersByTimeAsync(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]?.type).toBe('join');
  });
});

describe('a transport that the server gave up', () => {
  it('joins afresh: an ICE restart does not bring a failed DTLS session back', async () => {
    await entered();
    await answerPublish();
    FakeSocket.last.say({ type: 'connection', pc: 'publish', state: 'failed' });
    await vi.advanceTimersByTimeAsync(2000);
    FakeSocket.last.open();
    expect(FakeSocket.last.of('join')).toHaveLength(1);
    expect(tickets).toHaveBeenCalledTimes(2);
  });
});

describe('endings', () => {
  it('replaced by another tab: stays away, closes media, can take over again', async () => {
    await entered();
    FakeSocket.last.say({ type: 'closing', reason: 'replaced', reconnect: false });
    expect(session.get().room.ending?.kind).toBe('replaced');
    expect(FakePc.all.every((pc) => pc.closed)).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all.length).toBe(1);
    session.enter();
    await flush();
    expect(FakeSocket.all.length).toBe(2);
  });

  it('leaves politely', async () => {
    await entered();
    session.leave();
    expect(FakeSocket.last.sent.at(-1)).toEqual({ type: 'leave' });
    expect(session.get().room.ending?.kind).toBe('left');
  });

  it.each(['removed', 'room_closed', 'room_time_over'])('%s is final', async (reason) => {
    await entered();
    FakeSocket.last.say({ type: 'closing', reason, reconnect: false });
    expect(session.get().room.ending).toMatchObject({ kind: 'refused', code: reason, retry: false });
  });
});

describe('media', () => {
  it('mutes without a new offer; camera off and on reuses its m-section', async () => {
    await entered();
    await answerPublish();
    await media.setCamera(false);
    await flush();
    expect(FakeSocket.last.of('mute')).toMatchObject([{ track: 't101', muted: true }]);
    expect(FakePc.all[0]?.transceivers[1]?.sender.track).toBeNull();
    FakeSocket.last.say({ type: 'ok', re: FakeSocket.last.of('mute')[0]?.id });
    await flush();
    await media.setCamera(true);
    await flush();
    expect(FakeSocket.last.of('mute').at(-1)).toMatchObject({ track: 't101', muted: false });
    expect(FakeSocket.last.of('publish').length).toBe(1);
  });

  it('follows a moderator who mutes, and says so', async () => {
    await entered();
    await answerPublish();
    FakeSocket.last.say({ type: 'track_muted', participant: 'p1', track: 't100', muted: true, by: 'moderator' });
    await flush();
    expect(media.get().mic.on).toBe(false);
    expect(session.get().notice?.key).toBe('muted_by_moderator');
    expect(FakeSocket.last.of('mute')).toEqual([]);
  });

  it('publishes only what it may', async () => {
    session.enter();
    await flush();
    FakeSocket.last.open();
    FakeSocket.last.say(welcome({ rights: ['publish_audio', 'subscribe'] }));
    await flush();
    expect(FakeSocket.last.of('publish')).toMatchObject([{ tracks: [{ source: 'mic' }] }]);
  });

  it('answers offers with their revision; a broken one means joining afresh', async () => {
    await entered();
    FakeSocket.last.say({ type: 'subscribe', rev: 3, sdp: 'offer', tracks: [] });
    await flush();
    expect(FakeSocket.last.of('subscribed')).toMatchObject([{ rev: 3, sdp: 'answer' }]);
    FakeSocket.last.say({ type: 'subscribe', rev: 4, sdp: 'broken', tracks: [] });
    await vi.advanceTimersByTimeAsync(1000);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]?.type).toBe('join');
  });

  it('restarts ICE on failure, on loss seen by the server, and joins afresh when nothing helps', async () => {
    await entered();
    await answerPublish();
    const [publish, subscribe] = FakePc.all;
    publish?.ice('connected');
    subscribe?.ice('connected');
    publish?.ice('disconnected');
    await vi.advanceTimersByTimeAsync(2900);
    expect(session.get().mediaTrouble).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(session.get().mediaTrouble).toBe(true);
    expect(publish?.offers.at(-1)).toEqual({ iceRestart: true });
    await answerPublish();
    publish?.ice('connected');
    expect(session.get().mediaTrouble).toBe(false);
    FakeSocket.last.say({ type: 'connection', pc: 'subscribe', state: 'lost' });
    expect(FakeSocket.last.of('restart')).toMatchObject([{ pc: 'subscribe' }]);
    subscribe?.ice('failed');
    for (let second = 0; second < 30 && FakeSocket.all.length === 1; second += 1) {
      FakeSocket.last.say({ type: 'quality', participants: {} });
      await vi.advanceTimersByTimeAsync(1000);
    }
    FakeSocket.last.open();
    expect(FakeSocket.last.sent[0]?.type).toBe('join');
  });
});
