/** A report's reproduction instructions are programs: this test runs them. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResult, StudyResult } from '../../src/api/rows';
import { bashBlocks } from '../../src/report/escape';
import { cliJson, projectRoot, smallConfig, temporaryFolder } from '../helpers/cli';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let workspace: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  workspace = join(folder.path, 'workspace');
});
afterAll(() => folder.remove());

/** Runs the blocks one after the other in one shell, as a reader would; answers with stdout. */
async function execute(blocks: readonly string[]): Promise<string> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', blocks.join('\n')], { cwd: projectRoot, env: { ...process.env, INIT_CWD: projectRoot }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`exit ${code}\n${stderr}\n${stdout}`);
  return stdout;
}

const SECTIONS = [/configuration/iu, /results/iu, /reproducibility information/iu, /reproduction instructions/iu, /validation/iu, /notes/iu];

describe('report', () => {
  it('of a run: its instructions give the weights it states', async () => {
    const config = await folder.write('config.yaml', smallConfig({ experiment: "it's a run" }));
    const result = await cliJson<RunResult>(['run', config, '--workspace', workspace]);
    const file = join(folder.path, 'run.md');
    await cliJson(['report', result.run, '--format', 'md', '-o', file, '--workspace', workspace]);
    const text = await readFile(file, 'utf8');
    const headings = text.split('\n').filter((line) => line.startsWith('#')).join('\n');
    for (const section of SECTIONS) expect(headings).toMatch(section);
    expect(text).toContain(result.weightsHash);
    expect(text).toContain(result.reproductionId);
    const blocks = bashBlocks(text);
    expect(blocks.length).toBeGreaterThan(0);
    const output = await execute(blocks);
    expect(output).toContain(result.weightsHash);
  });

  it('of an experiment: its instructions run the ablation again', async () => {
    await folder.write('base.yaml', smallConfig({ experiment: 'chain', epochs: 2 }));
    const study = await folder.write('study.yaml', 'experiment: chain\ndesign: one-at-a-time\nseeds: [1, 2]\nfactors: [{ path: model.dropout, levels: [0] }]\nbaseline: base.yaml\n');
    const result = await cliJson<StudyResult>(['ablate', study, '--workspace', workspace]);
    for (const format of ['md', 'html']) await cliJson(['report', 'chain', '--format', format, '-o', join(folder.path, `chain.${format}`), '--workspace', workspace]);
    const text = await readFile(join(folder.path, 'chain.md'), 'utf8');
    const headings = text.split('\n').filter((line) => line.startsWith('#')).join('\n');
    for (const section of SECTIONS) expect(headings).toMatch(section);
    const output = await execute(bashBlocks(text));
    for (const run of result.runs) expect(output).toContain(run.weightsHash?.slice(0, 8));

    const html = await readFile(join(folder.path, 'chain.html'), 'utf8');
    expect(html).not.toMatch(/<script|https?:\/\/[^\s"<]+\.(?:js|css)|<link/iu);
    expect(html).toContain('<svg');
  });
});
