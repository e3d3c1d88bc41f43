// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeSocket } from './fakes';
import { RequestError, SocketClosed, VisioSocket, type SocketHandlers } from './socket';

const handlers = () => ({ onOpen: vi.fn(), onMessage: vi.fn(), onClose: vi.fn() }) satisfies SocketHandlers;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  vi.stubGlobal('WebSocket', FakeSocket);
});
afterEach(() => vi.useRealTimers());

describe('socket', () => {
  it('pings at least every 5 s and stays while the server answers', () => {
    const calls = handlers();
    void new VisioSocket('wss://x/visio/ws', calls);
    expect(FakeSocket.last.protocol).toBe('consilium-visio-1');
    FakeSocket.last.open();
    for (let second = 0; second < 60; second += 1) {
      vi.advanceTimersByTime(1000);
      if (second % 10 === 0) FakeSocket.last.say({ type: 'pong', re: 1 });
    }
    expect(FakeSocket.last.of('ping').length).toBeGreaterThanOrEqual(12);
    expect(calls.onClose).not.toHaveBeenCalled();
    expect(calls.onMessage).not.toHaveBeenCalled();
  });

  it('gives a silent socket up after 12 s, once', () => {
    const calls = handlers();
    void new VisioSocket('wss://x', calls);
    FakeSocket.last.open();
    vi.advanceTimersByTime(11_000);
    expect(calls.onClose).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(calls.onClose).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(60_000);
    expect(calls.onClose).toHaveBeenCalledTimes(1);
  });

  it('gives up on a server that does not open in 4 s', () => {
    const calls = handlers();
    void new VisioSocket('wss://x', calls);
    vi.advanceTimersByTime(4000);
    expect(calls.onClose).toHaveBeenCalledTimes(1);
  });

  it('brings answers to their requests, errors and loss too', async () => {
    const calls = handlers();
    const socket = new VisioSocket('wss://x', calls);
    await expect(socket.request({ type: 'ping' })).rejects.toBeInstanceOf(SocketClosed);
    FakeSocket.last.open();
    const first = socket.request({ type: 'mute', track: 't1', muted: true });
    const second = socket.request({ type: 'mute', track: 't2', muted: true });
    const third = socket.request({ type: 'mute', track: 't3', muted: true });
    const [a, b] = FakeSocket.last.of('mute');
    FakeSocket.last.say({ type: 'error', re: b?.id, code: 'unknown_track' });
    FakeSocket.last.say({ type: 'ok', re: a?.id });
    await expect(first).resolves.toMatchObject({ type: 'ok' });
    await expect(second).rejects.toEqual(new RequestError('unknown_track'));
    FakeSocket.last.drop();
    await expect(third).rejects.toBeInstanceOf(SocketClosed);
    expect(calls.onClose).toHaveBeenCalledWith(1006);
  });

  it('probes: no word within the time means dropped', () => {
    const calls = handlers();
    const socket = new VisioSocket('wss://x', calls);
    FakeSocket.last.open();
    vi.advanceTimersByTime(1000);
    socket.probe(2000);
    vi.advanceTimersByTime(500);
    FakeSocket.last.say({ type: 'pong', re: 1 });
    vi.advanceTimersByTime(1500);
    expect(calls.onClose).not.toHaveBeenCalled();
    vi.advanceTimersByTime(10);
    socket.probe(2000);
    vi.advanceTimersByTime(2000);
    expect(calls.onClose).toHaveBeenCalledTimes(1);
  });
});
