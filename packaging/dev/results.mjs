// SPDX-License-Identifier: Apache-2.0
// Turns what a test tool reported into build/test/NAME.result (the format is in test.sh). Nothing counts as passed that
// was not reported as passed: a missing report leaves no file, and ./dev then counts a failure.
//
//   results.mjs meson NAME TESTLOG NAMES         meson's testlog.json, the names that were to run
//   results.mjs lines NAME FILE CODE             a program that ends in `N passed, N failed` and prints `FAIL what`
//   results.mjs vitest NAME FILE | playwright NAME FILE
//   results.mjs codes NAME FILE                  lines `EXIT-CODE what`
//   results.mjs select names|targets INTROSPECTED SUITE PART   prints which of meson's tests, or which targets they need
import { readFileSync, writeFileSync } from 'node:fs';

const [mode, name, ...rest] = process.argv.slice(2);

const closing = /^(\d+) passed, (\d+) failed$/;

/** @returns {{passed: number, failed: number, names: string[]}} of one program's output and exit code */
function programResult(what, output, code) {
  const lines = output.trimEnd().split('\n');
  const found = closing.exec(lines.at(-1) ?? '');
  const names = lines.filter((l) => l.startsWith('FAIL ')).map((l) => `${what}: ${l.slice(5)}`);
  if (!found) return { passed: 0, failed: 1, names: [`${what}: ended without a result (exit code ${code})`] };
  const passed = Number(found[1]);
  let failed = Number(found[2]);
  if (failed === 0 && code !== 0) {
    // It reported success and then crashed, leaked or was killed.
    failed = 1;
    names.push(`${what}: exit code ${code} after its result`);
  }
  return { passed, failed, names };
}

function sum(parts) {
  return {
    passed: parts.reduce((n, p) => n + p.passed, 0),
    failed: parts.reduce((n, p) => n + p.failed, 0),
    names: parts.flatMap((p) => p.names),
  };
}

const one = (what, ok, why = '') => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, names: ok ? [] : [what + why] });

/** meson prints "suite / name" or "name"; a test's own name is what is left. */
const shortName = (full) => full.split(' / ').at(-1);

function fromMeson([logFile, wanted]) {
  const seen = new Map();
  for (const line of readFileSync(logFile, 'utf8').split('\n').filter(Boolean)) {
    const test = JSON.parse(line);
    seen.set(shortName(test.name), test);
  }
  return sum(
    wanted.split(/\s+/).map((what) => {
      const test = seen.get(what);
      if (!test) return one(what, false, ': did not run');
      if (test.result === 'TIMEOUT') return one(what, false, ': timed out');
      return programResult(what, test.stdout ?? '', test.returncode);
    }),
  );
}

function fromVitest([file]) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  return sum(
    report.testResults.flatMap((suite) => {
      if (suite.assertionResults.length === 0) return [one(suite.name, suite.status === 'passed', `: ${suite.message}`)];
      return suite.assertionResults.map((t) => one(t.fullName, t.status === 'passed', t.status === 'failed' ? '' : ` (${t.status})`));
    }),
  );
}

function fromPlaywright([file]) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const walk = (suite, path) => [
    ...(suite.specs ?? []).flatMap((spec) =>
      spec.tests.map((t) => one(`${[...path, spec.title].join(' > ')}`, t.status === 'expected' && t.expectedStatus === 'passed', t.status === 'skipped' ? ' (skipped)' : '')),
    ),
    ...(suite.suites ?? []).flatMap((inner) => walk(inner, [...path, inner.title])),
  ];
  const parts = report.suites.flatMap((suite) => walk(suite, [suite.title]));
  for (const error of report.errors ?? []) parts.push(one('e2e', false, `: ${(error.message ?? '').split('\n')[0]}`));
  return sum(parts);
}

function select([file, suite, part]) {
  const { tests, targets } = JSON.parse(readFileSync(file, 'utf8'));
  const wanted = tests.filter(
    (t) => (!suite || t.suite.some((s) => s === suite || s.endsWith(`:${suite}`))) && (!part || t.name.includes(part)),
  );
  if (name === 'names') return wanted.map((t) => t.name);
  // The test's own executable and what else it depends on (a server to start), by their paths inside the build folder.
  const files = new Map(targets.map((t) => [t.id, t.filename.map((f) => f.split('/build/').at(-1).split('/').slice(1).join('/'))]));
  return [...new Set(wanted.flatMap((t) => t.depends).flatMap((id) => files.get(id) ?? []))];
}

if (mode === 'select') {
  console.log(select(rest).join(' '));
} else {
  const result = {
    meson: () => fromMeson(rest),
    lines: () => programResult(name, readFileSync(rest[0], 'utf8'), Number(rest[1])),
    vitest: () => fromVitest(rest),
    playwright: () => fromPlaywright(rest),
    codes: () =>
      sum(
        readFileSync(rest[0], 'utf8').split('\n').filter(Boolean).map((line) => {
          const [code, what] = line.split(' ');
          return one(`${name}: ${what}`, code === '0', ` (exit code ${code})`);
        }),
      ),
  }[mode]();
  const lines = [`passed ${result.passed}`, `failed ${result.failed}`, ...result.names.map((n) => `name ${n.split('\n')[0].slice(0, 300)}`)];
  writeFileSync(`build/test/${name}.result`, `${lines.join('\n')}\n`);
}
