// SPDX-License-Identifier: Apache-2.0
// One worker: each test holds up to four browsers, and what is measured (pictures, tones, seconds) must not compete with
// other tests. No retries: a test that fails now and then is a finding.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: 'results',
  preserveOutput: 'failures-only',
  workers: 1,
  retries: 0,
  fullyParallel: false,
  forbidOnly: true,
  timeout: 90_000,
  globalTimeout: 840_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
});
