// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { reconnectWait } from './backoff';

it('waits 0, 0.3, 1.2, 2.7, 4.8, then 7 s once the first 30 s are over', () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => reconnectWait(attempt, 30_000, 0.5));
  expect(waits).toEqual([0, 300, 1200, 2700, 4800, 7000, 7000, 7000]);
});

it('tries about every second in the first 30 s', () => {
  for (let attempt = 0; attempt < 12; attempt += 1)
    expect(reconnectWait(attempt, 29_999, 0.999)).toBeLessThanOrEqual(1080);
});

it('spreads waits by 20 % either way', () => {
  expect(reconnectWait(9, 60_000, 0)).toBe(5600);
  expect(reconnectWait(9, 60_000, 0.9999)).toBe(8400);
});
