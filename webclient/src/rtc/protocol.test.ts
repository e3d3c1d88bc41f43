// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { parseServerMessage, ROOM_NAME } from './protocol';

it('takes messages of version 1 and drops everything else', () => {
  expect(parseServerMessage('{"type":"pong","re":9}')).toEqual({ type: 'pong', re: 9 });
  for (const bad of ['', 'x', 'null', '[]', '3', '{}', '{"type":7}', '{"type":"later_version"}', '{"type":"toString"}'])
    expect(parseServerMessage(bad), bad).toBeNull();
  expect(parseServerMessage(new ArrayBuffer(2))).toBeNull();
});

it('knows room names', () => {
  for (const good of ['abc', 'rcp-thorax', 'a'.repeat(64)]) expect(ROOM_NAME.test(good)).toBe(true);
  for (const bad of ['ab', 'a'.repeat(65), 'Abc', 'é-é', 'a b c', 'abc/']) expect(ROOM_NAME.test(bad)).toBe(false);
});
