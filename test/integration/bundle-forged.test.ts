/** Bundles whose content was forged with every hash of the bag and every record made to fit, through the command line. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReproduceView, RunResult, VerifyView } from '../../src/api/rows';
import { decodeLines, encodeRecord } from '../../src/events/codec';
import type { ArtifactName, EventRecord } from '../../src/events/records';
import { secondsPerStep } from '../../src/bundle/durations';
import { hashBytes } from '../../src/bundle/payload';
import { pack, remakeHashes, unpack, type Files } from '../helpers/bundle-surgery';
import { cli, cliJson, smallConfig, temporaryFolder } from '../helpers/cli';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: string;
let run: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const workspace = join(folder.path, 'workspace');
  const result = await cliJson<RunResult>(['run', await folder.write('config.yaml', smallConfig()), '--workspace', workspace]);
  run = result.run;
  bundle = join(folder.path, 'genuine.crate.zip');
  await cliJson(['export', run, '-o', bundle, '--license', 'MIT', '--no-calibrate', '--workspace', workspace]);
});
afterAll(() => folder.remove());

function editLog(files: Files, change: (record: EventRecord) => EventRecord): void {
  const name = `data/runs/${run}/events.log`;
  const { records } = decodeLines(files.get(name) ?? new Uint8Array(), 0);
  files.set(name, Buffer.concat(records.map((record) => encodeRecord(change(record)))));
}

function forgeFile(files: Files, artifact: ArtifactName, file: string): void {
  const name = `data/runs/${run}/${file}`;
  const bytes = Buffer.from(files.get(name) ?? []);
  expect(bytes.length).toBeGreaterThan(100);
  bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
  files.set(name, bytes);
  editLog(files, (record) => (record.type === 'artifact' && record.name === artifact ? { ...record, sha256: hashBytes(bytes).sha256 } : record));
}

let copies = 0;
async function judge(change: (files: Files) => void): Promise<{ verified: VerifyView; reproduced: ReproduceView }> {
  const files = await unpack(bundle);
  change(files);
  remakeHashes(files);
  const file = await pack(files, join(folder.path, `forged-${copies++}.crate.zip`));
  const verified = JSON.parse((await cli(['verify', file, '--json'])).stdout) as VerifyView;
  const reproduced = await cliJson<ReproduceView>(['reproduce', file, '--trust', verified.digest, '--workspace', join(folder.path, 'elsewhere')], 1);
  return { verified, reproduced };
}

describe('a forged bundle', () => {
  it('of steps that took no time there is, or none that is a number, tells nothing of how long it takes', async () => {
    for (const seconds of ['5', 1e308, -1]) {
      const files = await unpack(bundle);
      editLog(files, (record) => (record.type === 'steps' ? { ...record, seconds: seconds as number } : record));
      remakeHashes(files);
      const file = await pack(files, join(folder.path, `timeless-${String(seconds)}.crate.zip`));
      expect((await secondsPerStep(file)).size, String(seconds)).toBe(0);
    }
    expect((await secondsPerStep(bundle)).get(run)).toBeGreaterThan(0);
  });

  it('of other weights is not valid, and diverges by the name of the file', async () => {
    const { verified, reproduced } = await judge((files) => forgeFile(files, 'weights', 'weights.safetensors'));
    expect(verified.valid).toBe(false);
    expect(verified.problems.map(({ path }) => path)).toContain(`data/runs/${run}/weights.safetensors`);
    expect(reproduced).toMatchObject({ verdict: 'diverged', runs: [{ verdict: 'diverged', firstDivergentStep: null }] });
    expect(reproduced.runs[0]?.sentence).toContain('weights.safetensors');
  });

  it('of another optimizer state diverges', async () => {
    const { reproduced } = await judge((files) => forgeFile(files, 'optimizer-state', 'optimizer.safetensors'));
    expect(reproduced.runs[0]).toMatchObject({ verdict: 'diverged', firstDivergentStep: null });
    expect(reproduced.runs[0]?.sentence).toContain('optimizer.safetensors');
  });

  it('of better validation metrics diverges at the step before them', async () => {
    let step = 0;
    const { reproduced } = await judge((files) =>
      editLog(files, (record) => {
        if (record.type !== 'metrics' || record.split !== 'validation' || step > 0) return record;
        step = record.step;
        return { ...record, values: { ...record.values, accuracy: 0.9999 } };
      }),
    );
    expect(step).toBeGreaterThan(0);
    expect(reproduced.runs[0]).toMatchObject({ verdict: 'diverged', firstDivergentStep: step - 1 });
  });

  it('of other learning rates diverges at their step', async () => {
    const { reproduced } = await judge((files) => editLog(files, (record) => (record.type === 'steps' && record.firstStep === 0 ? { ...record, learningRates: record.learningRates.map((rate, step) => (step === 5 ? rate * 2 : rate)) } : record)));
    expect(reproduced.runs[0]).toMatchObject({ verdict: 'diverged', firstDivergentStep: 5 });
  });
});
