// SPDX-License-Identifier: Apache-2.0
// What a test asks for: `server` (a fresh one for each test, with `serverOptions`), `room` (a link to an empty room) and
// `person(name)`. After a test: consoles without errors, screenshots and the server's log kept if it failed.
import { test as base, expect } from '@playwright/test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Gate } from './gate.ts';
import { Browsers, Person, type PersonOptions } from './person.ts';
import { Server } from './server.ts';

interface Fixtures {
  /** what is added to the server's arguments; set with test.use() */
  serverOptions: string[];
  /** console errors that this test brings about on purpose */
  expectedErrors: RegExp;
  server: Server;
  room: string;
  /** a relay in front of the server, and the same room through it */
  gate: Gate & { room: string };
  /** Each new person of a test has the next colour and tone, starting at 0. */
  person: (name: string, options?: PersonOptions) => Promise<Person>;
}

export const test = base.extend<Fixtures, { browsers: Browsers }>({
  browsers: [
    async ({}, use) => {
      const browsers = new Browsers();
      await use(browsers);
      await browsers.close();
    },
    { scope: 'worker' },
  ],
  serverOptions: [[], { option: true }],
  expectedErrors: [/$^/, { option: true }],

  server: async ({ serverOptions }, use, info) => {
    const server = await Server.start(serverOptions);
    await use(server);
    try {
      await server.close();
    } finally {
      if (info.status !== info.expectedStatus) {
        mkdirSync(info.outputDir, { recursive: true });
        writeFileSync(info.outputPath('server.log'), server.log);
      }
    }
  },

  room: async ({ server }, use) => {
    await use(`${server.origin}/visio/e2e-${Math.random().toString(36).slice(2, 10)}`);
  },

  gate: async ({ server, room }, use) => {
    const gate = await Gate.before(server);
    await use(Object.assign(gate, { room: room.replace(`:${server.port}/`, `:${gate.port}/`) }));
    await gate.close();
  },

  person: async ({ browsers, expectedErrors }, use, info) => {
    const people: Person[] = [];
    await use(async (name, options) => {
      const person = await Person.create(browsers, name, people.length, options);
      people.push(person);
      return person;
    });
    if (info.status !== info.expectedStatus) {
      for (const [at, person] of people.entries())
        for (const [tab, page] of person.context.pages().entries())
          await page.screenshot({ path: info.outputPath(`${at}-${tab}.png`) }).catch(() => undefined);
    }
    const errors = people.flatMap((p) =>
      p.errors.filter((e) => !expectedErrors.test(e)).map((e) => `${p.name}: ${e}`),
    );
    for (const person of people) await person.context.close();
    expect(errors, 'errors in the console').toEqual([]);
  },
});

export { expect };
