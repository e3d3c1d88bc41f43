// SPDX-License-Identifier: Apache-2.0
/**
 * backoff.ts - how long to wait before the next attempt to come back.
 *
 * 0, 0.3, 1.2, 2.7, 4.8, then 7 s. During the first 30 s after the loss, as long as a server keeps the place of
 * somebody who dropped, no wait is longer than 0.9 s: a server that was killed and started again must have
 * everybody back within 5 s of its start. Every wait but the first gets up to
 * 20 % of jitter, so that a room of 35 does not come back in one instant.
 */

const WAITS_MS = [0, 300, 1200, 2700, 4800, 7000] as const;
const EAGER_MS = 30_000;
const EAGER_WAIT_MS = 900;

/**
 * @param attempt  0 for the first attempt after the loss
 * @param lost_ms  milliseconds since the loss
 * @param random   in [0, 1)
 * @returns milliseconds to wait
 */
export function reconnectWait(attempt: number, lost_ms: number, random: number): number {
  const listed = WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)] ?? 7000;
  const wait = lost_ms < EAGER_MS ? Math.min(listed, EAGER_WAIT_MS) : listed;
  return Math.round(wait * (1 + (random * 2 - 1) * 0.2));
}
