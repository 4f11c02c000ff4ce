/** What the command line shows of a run's output and files, and of runs that go on. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { RunResult, RunView } from '../../src/api/rows';
import { objectPath } from '../../src/files/objects';
import { cli, cliJson, smallConfig, startCli } from '../helpers/cli';
import { Project, python } from '../helpers/commands';

interface Logs {
  readonly run: string;
  readonly attempt: number;
  readonly lines: readonly { readonly stream: string; readonly text: string }[];
}

const PRINTS = 'import sys\nfor n in range(6):\n  print("out", n, flush=True)\n  print("err", n, file=sys.stderr, flush=True)\n';
const KEEPS = 'import pathlib\npathlib.Path("out/deep").mkdir(parents=True)\npathlib.Path("out/model.bin").write_bytes(b"weights")\npathlib.Path("out/deep/notes.txt").write_text("notes")\n';

async function runOf(project: Project, task: object, name?: string): Promise<RunResult> {
  return cliJson<RunResult>(['run', project.config({ task }, name), '--workspace', project.workspace]);
}

describe('reprise logs', () => {
  it('prints what a command printed, of one stream or of both, all or the last of it', async () => {
    const project = new Project({ 'a.py': PRINTS });
    const { run } = await runOf(project, { command: [python, 'a.py'] });
    const at = ['--workspace', project.workspace];
    const all = await cli(['logs', run, ...at]);
    expect(all.code).toBe(0);
    expect(all.stdout.trimEnd().split('\n').toSorted()).toEqual(['err', 'out'].flatMap((stream) => Array.from({ length: 6 }, (_, n) => `${stream} ${n}`)));
    expect((await cli(['logs', run, '--stderr', '--tail', '2', ...at])).stdout).toBe('err 4\nerr 5\n');
    expect((await cli(['logs', run.slice(0, 8), '--stdout', '--follow', ...at])).stdout).toBe(Array.from({ length: 6 }, (_, n) => `out ${n}\n`).join(''));
    const json = await cliJson<Logs>(['logs', run, '--stdout', '--tail', '1', ...at]);
    expect(json).toMatchObject({ run, attempt: 1, lines: [{ stream: 'stdout', text: 'out 5', time: expect.any(Number) }] });
  }, 60_000);

  it('follows a program to its end, and says nothing twice', async () => {
    const project = new Project({ 'a.py': 'import time, pathlib, sys\nprint("first", flush=True)\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.05)\nprint("last", flush=True)\n' });
    const gate = join(project.folder, 'gate');
    const training = startCli(['run', project.config({ task: { command: [python, 'a.py', gate] } }), '--workspace', project.workspace]);
    let run: RunView | undefined;
    for (let attempt = 0; run === undefined && attempt < 200; attempt += 1) {
      await sleep(100);
      const listed = await cli(['runs', '--json', '--workspace', project.workspace]);
      run = listed.code === 0 ? (JSON.parse(listed.stdout) as RunView[]).find(({ status }) => status === 'running') : undefined;
    }
    const { child, done } = startCli(['logs', run?.runId ?? '', '--follow', '--workspace', project.workspace]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    writeFileSync(gate, '');
    expect(await done).toMatchObject({ code: 0, stdout: 'first\nlast\n' });
    expect((await training.done).code).toBe(0);
  }, 60_000);

  it('tells of a training what its event log says', async () => {
    const project = new Project({ 'small.yaml': smallConfig() });
    const at = ['--workspace', project.workspace];
    const { run } = await cliJson<RunResult>(['run', join(project.folder, 'small.yaml'), ...at]);
    const lines = (await cli(['logs', run, '--follow', ...at])).stdout.trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC  \S/u);
    expect(lines[0]).toContain('training begins');
    expect(lines.at(-1)).toContain('exit code 0');
    expect((await cli(['logs', run, '--tail', '2', ...at])).stdout.trimEnd().split('\n')).toEqual(lines.slice(-2));
    const json = await cliJson<{ run: string; lines: { text: string }[] }>(['logs', run, ...at]);
    expect([json.run, json.lines.length]).toEqual([run, lines.length]);
    expect(await cli(['logs', run, '--stdout', ...at])).toMatchObject({ code: 2, stderr: expect.stringContaining('RUN_WITHOUT_OUTPUT') });
  }, 60_000);

  it('says what has no output, and why', async () => {
    const project = new Project({ 'table.csv': 'run_id,params.lr,metrics.loss\na,0.1,0.5\n' });
    const at = ['--workspace', project.workspace];
    const { runs } = await cliJson<{ runs: { run: string }[] }>(['import', join(project.folder, 'table.csv'), ...at]);
    const other = await cli(['logs', runs[0]?.run ?? '', ...at]);
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/logged by another program[\s\S]*RUN_WITHOUT_OUTPUT/u)]);
    expect(await cli(['logs', 'nothing', ...at])).toMatchObject({ code: 2, stderr: expect.stringContaining('RUN_NOT_FOUND') });
    const { run } = await runOf(project, { command: [python, '-c', 'pass'] });
    expect(await cli(['logs', run, ...at])).toMatchObject({ code: 0, stdout: '', stderr: 'It printed nothing.\n' });
    expect(await cli(['logs', run, '--attempt', '2', ...at])).toMatchObject({ code: 2, stderr: expect.stringContaining('ATTEMPT_NOT_FOUND') });
  }, 60_000);
});

describe('reprise files', () => {
  it('lists what a run kept with size and hash, and saves one file, a folder or all, over nothing', async () => {
    const project = new Project({ 'a.py': KEEPS });
    const { run } = await runOf(project, { command: [python, 'a.py'], outputs: ['out/**'] });
    const at = ['--workspace', project.workspace];
    const hash = createHash('sha256').update('weights').digest('hex');
    const listed = await cliJson<{ files: object[] }>(['files', run, ...at]);
    expect(listed.files).toEqual([{ path: 'out/deep/notes.txt', bytes: 5, sha256: expect.any(String) }, { path: 'out/model.bin', bytes: 7, sha256: hash }]);
    expect((await cli(['files', run, ...at])).stdout).toMatch(new RegExp(String.raw`out/model\.bin +7 +${hash}`, 'u'));

    const out = join(project.folder, 'mine.bin');
    expect(await cli(['files', run, 'out/model.bin', '--out', out, ...at])).toMatchObject({ code: 0, stdout: `saved  ${out}\n` });
    expect(readFileSync(out, 'utf8')).toBe('weights');
    writeFileSync(out, 'of a person');
    expect(await cli(['files', run, 'out/model.bin', '--out', out, ...at])).toMatchObject({ code: 2, stderr: expect.stringContaining('FILE_EXISTS') });
    expect(readFileSync(out, 'utf8')).toBe('of a person');

    const folder = join(project.folder, 'saved');
    await cliJson(['files', run, 'out/deep', '--save-to', folder, ...at]);
    expect([readFileSync(join(folder, 'out/deep/notes.txt'), 'utf8'), existsSync(join(folder, 'out/model.bin'))]).toEqual(['notes', false]);
    const refused = await cli(['files', run, '--save-to', folder, ...at]);
    expect([refused.code, existsSync(join(folder, 'out/model.bin'))]).toEqual([2, false]);
    expect(refused.stderr).toMatch(/notes\.txt exists already; nothing was written[\s\S]*FILE_EXISTS/u);
    await cliJson(['files', run, '--save-to', folder, '--force', ...at]);
    expect(readFileSync(join(folder, 'out/model.bin'), 'utf8')).toBe('weights');

    expect(await cli(['files', run, 'out/other', ...at])).toMatchObject({ code: 2, stderr: expect.stringMatching(/no file "out\/other"[\s\S]*out\/model\.bin[\s\S]*FILE_NOT_FOUND/u) });
    expect(await cli(['files', run, '--out', join(project.folder, 'x'), ...at])).toMatchObject({ code: 2, stderr: expect.stringContaining('SEVERAL_FILES') });
    expect((await cli(['files', run, '--out', 'x', '--save-to', 'y', ...at])).code).toBe(2);

    writeFileSync(objectPath(project.workspace, hash), 'weightz');
    expect(await cli(['files', run, 'out/model.bin', '--out', join(project.folder, 'bad'), ...at])).toMatchObject({ code: 1, stderr: expect.stringContaining('FILE_DAMAGED') });
    expect(existsSync(join(project.folder, 'bad'))).toBe(false);
  }, 60_000);
});

describe('reprise resume', () => {
  it('says which runs went on, and to which end', async () => {
    const project = new Project({ 'a.py': 'import time, pathlib, sys\nprint("here", flush=True)\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.05)\n' });
    const gate = join(project.folder, 'gate');
    const at = ['--workspace', project.workspace];
    const { child, done } = startCli(['run', project.config({ task: { command: [python, 'a.py', gate] }, seed: 4 }), ...at]);
    for (let attempt = 0; attempt < 200 && !(await cli(['runs', ...at])).stdout.includes('running'); attempt += 1) await sleep(100);
    child.kill('SIGTERM');
    await done;
    writeFileSync(gate, '');
    const { stdout } = await cli(['resume', ...at]);
    expect(stdout).toMatch(/^run +experiment +variant +seed +status\n.*\n[0-9a-z]+ +commands +– +4 +finished\n$/u);
  }, 60_000);
});
