/** What a comparison must not pass over: diverged trainings, other test data, names of reused runs, data left out of a bundle. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ComparisonView, ReproduceView, StudyResult, VerifyView } from '../../src/api/rows';
import { createEngine } from '../../src/engine/engine';
import { localSpawn } from '../../src/execution/local/local-spawn';
import { cli, cliJson, smallConfig, temporaryFolder } from '../helpers/cli';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let workspace: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  workspace = join(folder.path, 'workspace');
  await folder.write('base.yaml', smallConfig({ epochs: 2 }));
});
afterAll(() => folder.remove());

const study = (experiment: string, factors: string): string => `experiment: ${experiment}\ndesign: one-at-a-time\nseeds: [1, 2]\nbaseline: base.yaml\nfactors:\n${factors}\n`;

describe('a comparison', () => {
  it('counts a diverged training as missing and a different test set as a warning', async () => {
    const file = await folder.write(
      'study.yaml',
      study('odd', "  - { name: rate, levels: [{ label: exploding, set: { training.optimizer: { kind: sgd }, training.learningRate: 1000 } }] }\n  - { path: data.generatorSeed, levels: [7] }"),
    );
    await cliJson<StudyResult>(['ablate', file, '--workspace', workspace], 1);
    const { variants, missing } = await cliJson<ComparisonView>(['compare', 'odd', '--workspace', workspace]);
    const [, exploding, otherData] = variants;
    if ((exploding?.n ?? 0) === 0) expect(missing.map((cell) => cell.reason)).toEqual([expect.stringContaining('diverged'), expect.stringContaining('diverged')]);
    expect(exploding?.n).toBe(2 - missing.length);
    expect(missing.length).toBeGreaterThan(0);
    expect(otherData?.delta?.warning).toContain('other examples');
  });

  it('names runs as the exported study does, whoever trained them first', async () => {
    const first = await folder.write('first.yaml', study('first', '  - { name: d, levels: [{ label: none, set: { model.dropout: 0 } }] }'));
    const second = await folder.write('second.yaml', study('second', '  - { name: d, levels: [{ label: without dropout, set: { model.dropout: 0 } }] }'));
    await cliJson(['ablate', first, '--workspace', workspace]);
    const again = await cliJson<StudyResult>(['ablate', second, '--workspace', workspace]);
    expect(again.runs.every((run) => run.reused)).toBe(true);
    const bundle = join(folder.path, 'second.crate.zip');
    await cliJson(['export', 'second', '-o', bundle, '--license', 'MIT', '--no-calibrate', '--workspace', workspace]);
    const verified = await cliJson<VerifyView>(['verify', bundle]);
    expect(verified.problems).toEqual([]);
    expect(new Set(verified.runs.map((run) => run.variant))).toEqual(new Set(['baseline', 'without dropout']));
  });

  it('takes the data of a bundle that has none from the user, and says so where it is not given', async () => {
    const rows = Array.from({ length: 60 }, (_, index) => `${index % 7},${(index * 5) % 11},${index % 2 === 0 ? 'a' : 'b'}`);
    const csv = await folder.write('points.csv', `x,y,label\n${rows.join('\n')}\n`);
    const config = await folder.write('csv.yaml', 'experiment: csv\nmodel: { kind: mlp, hidden: [4] }\ntraining: { learningRate: 0.01, batchSize: 8, epochs: 2 }\ndata: { kind: csv, path: points.csv, target: label }\nseed: 1\n');
    await cliJson(['run', config, '--workspace', workspace]);
    const bundle = join(folder.path, 'csv.crate.zip');
    const { digest } = await cliJson<{ digest: string }>(['export', 'csv', '-o', bundle, '--license', 'MIT', '--no-calibrate', '--no-data', '--workspace', workspace]);
    const elsewhere = join(folder.path, 'elsewhere');
    const without = await cliJson<ReproduceView>(['reproduce', bundle, '--trust', digest, '--workspace', elsewhere], 3);
    expect(without.verdict).toBe('not-executed');
    expect(without.runs[0]?.sentence).toContain('--data');
    const given = await cliJson<ReproduceView>(['reproduce', bundle, '--trust', digest, '--data', csv, '--workspace', elsewhere]);
    expect(given.verdict).toBe('identical');
    // What the command line found is kept as what the window finds is, also in a workspace that is made again.
    const keptVerdicts = async (): Promise<unknown> => {
      const engine = await createEngine({ workspace: elsewhere, mode: 'host', spawn: localSpawn('no worker is needed') });
      const listed = await engine.call('verdicts.list', {});
      await engine.close();
      return listed.ok ? listed.value : listed.error;
    };
    const kept = await keptVerdicts();
    expect(kept).toMatchObject([{ file: bundle, digest, name: 'csv', verdict: 'identical', runs: 1 }, { verdict: 'not-executed' }]);
    await cliJson(['workspace', 'rebuild', '--workspace', elsewhere]);
    expect(await keptVerdicts()).toEqual(kept);
  });

  it('does not average over a data file that changed between two runs', async () => {
    const table = (shift: number): string => `x,label\n${Array.from({ length: 60 }, (_, index) => `${(index * 7 + shift) % 13},${index % 2}`).join('\n')}\n`;
    await folder.write('changing.csv', table(0));
    const config = await folder.write('changing.yaml', 'experiment: changing\nmodel: { kind: mlp, hidden: [4] }\ntraining: { learningRate: 0.01, batchSize: 8, epochs: 1 }\ndata: { kind: csv, path: changing.csv, target: label }\nseed: 1\n');
    await cliJson(['run', config, '--workspace', workspace]);
    await folder.write('changing.csv', table(5));
    await cliJson(['run', config, '--seed', '2', '--workspace', workspace]);
    const { variants, missing } = await cliJson<ComparisonView>(['compare', 'changing', '--workspace', workspace]);
    expect(variants.map((variant) => variant.n)).toEqual([1, 1]);
    expect(missing).toHaveLength(2);
  });

  it('goes on when nobody reads its progress', async () => {
    const config = await folder.write('quiet.yaml', smallConfig({ experiment: 'quiet', epochs: 40 }));
    const shell = await import('node:child_process').then(({ spawnSync }) => spawnSync('bash', ['-c', '"$0" out/cli.js run "$1" --workspace "$2" 2>&1 >"$3" | head -c 1 >/dev/null', process.execPath, config, workspace, join(folder.path, 'answer.txt')], { encoding: 'utf8' }));
    expect(shell.status).toBe(0);
    const rows = await cli(['runs', '--experiment', 'quiet', '--workspace', workspace]);
    expect(rows.stdout).toContain('finished');
  });
});
