// `npm test [-- PART…] [VITEST ARGUMENTS]`: sets up what the parts need, then runs them all: types, lint, unit,
// integration, e2e. Ends with `N passed, N failed, N skipped`. Two parts run only when they are named: `npm run gallery`
// takes pictures of the window, `npm run bench` measures; with `--json` its rows alone go to stdout.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { childEnvironment, nodeBinary, root, say, seconds, SetupError } from './lib/common.mjs';
import { ensureBuild } from './lib/bundle.mjs';
import { ensureDocker } from './lib/docker.mjs';
import { main } from './lib/main.mjs';
import { ordinaryUser } from './lib/ordinary-user.mjs';
import { ensureOpenssh } from './lib/openssh.mjs';
import { ensurePackages } from './lib/packages.mjs';
import { ensureJudges, ensurePeers } from './lib/python.mjs';
import { ensureSlurm } from './lib/slurm.mjs';
import { ensureSqlite } from './lib/sqlite.mjs';
import { ensureVulkan } from './lib/vulkan.mjs';
import { ensureWindow, runAttached, timed } from './setup.mjs';

const always = ['types', 'lint', 'unit', 'integration', 'e2e'];
const parts = [...always, 'gallery', 'bench'];
/** Parts that open the window. */
const inWindow = ['e2e', 'gallery', 'bench'];
/** Benchmarks that open none: they run as whoever starts them, who can start the Python beside which they measure. */
const windowless = ['**/store.test.ts', '**/store-peers.test.ts', '**/training.test.ts', '**/quality.test.ts', '**/executors.test.ts', '**/executors-slurm.test.ts'];
const windowed = ['**/window.test.ts', '**/store-live.test.ts'];
const without = (files) => files.flatMap((file) => ['--exclude', file]);

const given = process.argv.slice(2);
const firstOther = given.findIndex((argument) => !parts.includes(argument));
const chosen = firstOther === -1 ? given : given.slice(0, firstOther);
const wanted = chosen.length > 0 ? parts.filter((part) => chosen.includes(part)) : always;
const asJson = chosen.includes('bench') && given.includes('--json');
const further = (firstOther === -1 ? [] : given.slice(firstOther)).filter((argument) => !asJson || argument !== '--json');

/** Why a part cannot run, by part. */
const broken = new Map();
const needs = (part) => wanted.includes(part);
/** Whether benchmarks of this name are asked for. */
const measures = (name) => needs('bench') && (further.length === 0 || further.includes(name));

/** Does one piece of set-up; where it fails the parts that need it fail, and the others go on. */
async function prepare(forParts, action) {
  if (!forParts.some(needs)) return {};
  try {
    return (await action()) ?? {};
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`\n${error.message}\n`);
    for (const part of forParts) broken.set(part, broken.get(part) ?? error.message);
    return {};
  }
}

async function setUp() {
  await ensurePackages();
  await prepare(['integration', ...inWindow], ensureBuild);
  const sqlite = await prepare(['unit', 'integration', ...inWindow], ensureSqlite);
  const judges = await prepare(['integration', 'bench'], async () => {
    if (!needs('integration') && !measures('training') && !measures('quality')) return {};
    const { env, skipped } = await ensureJudges();
    for (const { name, reason } of skipped) say(`skipped: the judge ${name} cannot be had: ${reason}`);
    return env;
  });
  const peers = await prepare(['bench'], async () => {
    if (!measures('store')) return {};
    const { env, skipped } = await ensurePeers();
    for (const { name, reason } of skipped) say(`not measured beside ${name}: ${reason}`);
    return env;
  });
  const vulkan = await prepare(['integration'], async () => {
    const { env, skipped } = await ensureVulkan();
    if (skipped !== null) say(`skipped: nothing is trained on WebGPU: no Vulkan driver can be had: ${skipped}`);
    return env;
  });
  await prepare(['integration'], ensureOpenssh);
  await prepare(['integration', 'bench'], async () => {
    if (!needs('integration') && !measures('executors')) return;
    await ensureDocker();
    await ensureSlurm();
  });
  const window = await prepare(inWindow, async () => (await ensureWindow({ display: false })).env);
  return { sqlite, judges, peers, vulkan, window };
}

const bin = (path) => join('node_modules', path);

/** Counts of one vitest run; a run that ended badly without a failed test (a file that does not load) counts one. */
function counts(file, code) {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    passed = report.numPassedTests;
    failed = report.numFailedTests;
    skipped = report.numPendingTests + report.numTodoTests;
    const unloaded = report.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0).length;
    failed += unloaded;
    for (const suite of report.testResults) {
      for (const test of suite.assertionResults) {
        if (test.status !== 'passed' && test.status !== 'failed') say(`skipped: ${relative(root, suite.name)}: ${test.fullName}`);
      }
    }
  } catch {
    // no report: the exit code tells
  }
  if (code !== 0 && failed === 0) failed = 1;
  return { passed, failed, skipped };
}

const vitest = (part, report, { below = '.', leaveOut = [] } = {}) => [
  join(below, bin('vitest/vitest.mjs')), 'run', '--dir', join('test', part), '--configLoader', 'runner',
  '--reporter=default', '--reporter=json', `--outputFile.json=${report}`,
  // What is measured has the machine for itself.
  ...(part === 'bench' ? ['--no-file-parallelism'] : []), ...(further.length > 0 || leaveOut.length > 0 ? ['--passWithNoTests'] : []), ...without(leaveOut), ...further,
];

/** Where the gallery's pictures go: REPRISE_PICTURES, else a folder outside the project. Whoever runs the tests may write there. */
function pictures(part) {
  if (part !== 'gallery') return {};
  const folder = process.env.REPRISE_PICTURES ?? join(tmpdir(), 'reprise-gallery');
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o777);
  say(`Pictures go to ${folder}`);
  return { REPRISE_PICTURES: folder };
}

/** What benchmarks measured, one row a name; empty where none did. */
function rowsIn(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
}

function printRows(rows) {
  if (rows.length === 0) return;
  const shown = rows.map(({ name, ours, peer, unit, ratio }) => [name, `${ours} ${unit}`, peer === null ? '' : `${peer} ${unit}`, ratio === null ? '' : `${ratio}×`]);
  const table = [['', 'Reprise', 'peer', 'better'], ...shown];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((cells) => cells[column].length)));
  say(`\n${table.map((cells) => cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ')).join('\n')}`);
  for (const { name, note } of rows) if (note !== undefined) say(`${name}: ${note}`);
}

async function runPart(part, setup, reports, rows) {
  // Asked for here: on a fresh clone Node 24 arrives with the packages, after this file was loaded.
  const node = nodeBinary();
  if (part === 'types' || part === 'lint') {
    const args = part === 'types' ? [bin('typescript/bin/tsc'), '-p', '.'] : [bin('oxlint/bin/oxlint'), '--deny-warnings'];
    const code = await runAttached(node, args, { cwd: root, env: childEnvironment() });
    return { passed: 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  }
  if (!inWindow.includes(part)) {
    const report = join(reports, `${part}.json`);
    const env = childEnvironment({ ...setup.sqlite, ...(part === 'integration' ? { ...setup.judges, ...setup.vulkan } : {}) });
    return counts(report, await runAttached(node, vitest(part, report), { cwd: root, env }));
  }
  const display = process.platform === 'linux' ? ['xvfb-run', '-a', '--server-args=-screen 0 1600x1200x24'] : [];
  if (process.getuid?.() !== 0) {
    const report = join(reports, `${part}.json`);
    const [program, ...args] = [...display, node, ...vitest(part, report)];
    const measured = join(reports, 'rows.jsonl');
    const result = counts(report, await runAttached(program, args, { cwd: root, env: childEnvironment({ ...setup.sqlite, ...setup.window, ...(part === 'bench' ? { ...setup.judges, ...setup.peers } : {}), ...pictures(part), REPRISE_BENCH_ROWS: measured }) }, { quiet: asJson }));
    rows.push(...rowsIn(measured));
    return result;
  }
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const add = (result) => {
    for (const name of Object.keys(sum)) sum[name] += result[name];
  };
  if (part === 'bench') {
    const report = join(reports, 'windowless.json');
    const measured = join(reports, 'rows.jsonl');
    const env = childEnvironment({ ...setup.sqlite, ...setup.judges, ...setup.peers, REPRISE_BENCH_ROWS: measured });
    add(counts(report, await runAttached(node, vitest(part, report, { leaveOut: windowed }), { cwd: root, env }, { quiet: asJson })));
    rows.push(...rowsIn(measured));
  }
  const user = await ordinaryUser({ ...setup.sqlite, ...setup.window });
  const shown = pictures(part);
  try {
    const report = join(user.home, `${part}.json`);
    const measured = join(user.home, 'rows.jsonl');
    const env = childEnvironment({ ...user.env, ...shown, REPRISE_BENCH_ROWS: measured });
    for (const name of Object.keys(env)) if (/^(XDG_|npm_|INIT_CWD$|DISPLAY$|DBUS_)/.test(name)) delete env[name];
    env.PATH = env.PATH.replaceAll(root, user.root);
    const [program, ...args] = [...user.command, ...display, node.replace(root, user.root), ...vitest(part, report, part === 'bench' ? { leaveOut: windowless } : {})];
    add(counts(report, await runAttached(program, args, { cwd: user.root, env }, { quiet: asJson })));
    rows.push(...rowsIn(measured));
    return sum;
  } finally {
    user.remove();
  }
}

await main(async () => {
  const setup = await timed(setUp);
  const reports = mkdtempSync(join(tmpdir(), 'reprise-test-'));
  const total = { passed: 0, failed: 0, skipped: 0 };
  const lines = [];
  const rows = [];
  try {
    for (const part of wanted) {
      say(`\n== ${part}`);
      const start = performance.now();
      let result = { passed: 0, failed: 1, skipped: 0 };
      let note = '';
      if (broken.has(part)) note = `  its set-up failed: ${broken.get(part)}`;
      else {
        try {
          result = await runPart(part, setup, reports, rows);
        } catch (error) {
          if (!(error instanceof SetupError)) throw error;
          note = `  ${error.message}`;
        }
      }
      const counted = part === 'types' || part === 'lint' ? (result.failed === 0 ? 'ok' : 'failed') : `${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`;
      lines.push(`${part.padEnd(12)} ${counted} (${seconds(performance.now() - start)})${note}`);
      for (const name of Object.keys(total)) total[name] += result[name];
    }
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  printRows(rows);
  if (asJson) process.stdout.write(`${JSON.stringify({ rows }, null, 2)}\n`);
  (asJson ? process.stderr : process.stdout).write(`\n${lines.join('\n')}\n\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  return total.failed === 0 ? 0 : 1;
});
