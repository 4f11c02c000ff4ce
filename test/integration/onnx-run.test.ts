/** A user's own ONNX file from its config to a bundle that reproduces it; through kill -9 and the loss of the database. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReproduceView, RunResult, RunView, VerifyView } from '../../src/api/rows';
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation } from '../../src/onnx/proto/onnx_pb';
import { normals } from '../../src/random/streams';
import { decodeSafetensors } from '../../src/tensors/safetensors';
import { pack, remakeHashes, unpack } from '../helpers/bundle-surgery';
import { cli, cliJson, startCli, temporaryFolder } from '../helpers/cli';
import { floats, madeFile } from '../unit/onnx/made-file';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const drawn = (name: string, ...shape: number[]) => floats(shape, [...normals(5, 'data', name, shape.reduce((product, size) => product * size, 1))].map((value) => 0.4 * value));

/** Linear, batch norm, dropout, linear: four features → three classes. */
const net = (seed: string): Uint8Array =>
  madeFile({
    nodes: [
      { op: 'Gemm', inputs: ['x', 'into.weight', 'into.bias'], outputs: ['a'], attributes: { transB: 1 } },
      { op: 'BatchNormalization', inputs: ['a', 'norm.weight', 'norm.bias', 'norm.running_mean', 'norm.running_var'], outputs: ['b'], attributes: { momentum: { float: 0.9 } } },
      { op: 'Relu', inputs: ['b'], outputs: ['c'] },
      { op: 'Dropout', inputs: ['c', 'ratio'], outputs: ['d'] },
      { op: 'Gemm', inputs: ['d', 'out.weight', 'out.bias'], attributes: { transB: 1 } },
    ],
    initializers: {
      'into.weight': drawn(`into ${seed}`, 8, 4),
      'into.bias': drawn('into bias', 8),
      'norm.weight': floats([8], Array<number>(8).fill(1)),
      'norm.bias': drawn('norm bias', 8),
      'norm.running_mean': floats([8], Array<number>(8).fill(0)),
      'norm.running_var': floats([8], Array<number>(8).fill(1)),
      ratio: floats([], [0.2]),
      'out.weight': drawn('out', 3, 8),
      'out.bias': drawn('out bias', 3),
    },
  });

function table(rows: number): string {
  const noise = normals(5, 'data', 'table', rows * 4);
  const lines = Array.from({ length: rows }, (_, row) => [0, 1, 2, 3].map((column) => (noise[row * 4 + column]! + (column === row % 3 ? 2 : 0)).toFixed(4)).concat(`class ${row % 3}`).join(','));
  return `a,b,c,d,kind\n${lines.join('\n')}\n`;
}

const config = (more: { readonly path?: string; readonly freeze?: string; readonly steps?: number; readonly checkpointEvery?: number } = {}): string => `
experiment: own
model: { kind: onnx, path: ${more.path ?? 'model.onnx'}, freeze: [${more.freeze ?? ''}] }
training: { learningRate: 0.02, batchSize: 16, steps: ${more.steps ?? 40}, hashEvery: 10, checkpointEvery: ${more.checkpointEvery ?? 20} }
data: { kind: csv, path: table.csv, target: kind }
seed: 3
`;

beforeAll(async () => {
  folder = await temporaryFolder();
  await folder.write('model.onnx', net('one'));
  await folder.write('table.csv', table(150));
});
afterAll(() => folder.remove());

const workspace = (name: string): string => join(folder.path, name);
const run = async (text: string, place: string): Promise<RunResult> => cliJson<RunResult>(['run', await folder.write('own.yaml', text), '--workspace', workspace(place)]);

describe('a run of a user’s ONNX file', { timeout: 120_000 }, () => {
  it('trains, keeps the file, and is reproduced from its bundle alone, bit for bit', async () => {
    const result = await run(config(), 'first');
    expect(result).toMatchObject({ status: 'finished', error: null });
    expect(result.finalLoss).toBeLessThan(1);
    const { files } = await cliJson<{ files: { path: string }[] }>(['files', result.run, '--workspace', workspace('first')]);
    expect(files.map(({ path }) => path)).toContain('model.onnx');

    const bundle = join(folder.path, 'own.crate.zip');
    const { digest } = await cliJson<{ digest: string }>(['export', 'own', '-o', bundle, '--license', 'MIT', '--workspace', workspace('first')]);
    // Nothing but the bundle may be looked at.
    await rename(join(folder.path, 'model.onnx'), join(folder.path, 'away.onnx'));
    const reproduced = await cliJson<ReproduceView>(['reproduce', bundle, '--trust', digest, '--workspace', workspace('elsewhere')]);
    await rename(join(folder.path, 'away.onnx'), join(folder.path, 'model.onnx'));
    expect(reproduced.verdict).toBe('identical');

    for (const [other, verdict, code] of [[net('two'), 'diverged', 1], [new TextEncoder().encode('no model'), 'not-executed', 3]] as const) {
      const contents = await unpack(bundle);
      contents.set(`data/runs/${result.run}/model.onnx`, Buffer.from(other));
      remakeHashes(contents);
      const forged = await pack(contents, join(folder.path, `${verdict}.crate.zip`));
      const verified = JSON.parse((await cli(['verify', forged, '--json'])).stdout) as VerifyView;
      expect(verified.valid).toBe(false);
      expect(verified.problems.map(({ message }) => message)).toContain(`is not the model file that the run ${result.run} names.`);
      expect((await cliJson<ReproduceView>(['reproduce', forged, '--trust', verified.digest, '--workspace', workspace('elsewhere')], code)).verdict).toBe(verdict);
    }

    await rm(join(workspace('first'), 'reprise.db'));
    await cliJson(['workspace', 'rebuild', '--workspace', workspace('first')]);
    await cliJson(['workspace', 'check', '--workspace', workspace('first')]);
  });

  it('is known by what the file holds, not by where it lies', async () => {
    await mkdir(join(folder.path, 'sub'), { recursive: true });
    await copyFile(join(folder.path, 'model.onnx'), join(folder.path, 'sub', 'copy.onnx'));
    const first = await run(config(), 'first');
    const copy = await run(config({ path: './sub/copy.onnx' }), 'first');
    expect(copy).toMatchObject({ computeHash: first.computeHash, weightsHash: first.weightsHash });
    await folder.write('model.onnx', net('two'));
    const other = await run(config(), 'first');
    await folder.write('model.onnx', net('one'));
    expect(other.computeHash).not.toBe(first.computeHash);
    expect(other.weightsHash).not.toBe(first.weightsHash);
    expect((await run(config({ freeze: "'into.*'" }), 'first')).computeHash).not.toBe(first.computeHash);
  });

  it('leaves frozen layers as they are in the file', async () => {
    const result = await run(config({ freeze: "'into.*', 'norm.*'" }), 'frozen');
    await cliJson(['files', result.run, 'weights.safetensors', '-o', join(folder.path, 'weights.safetensors'), '--workspace', workspace('frozen')]);
    const { tensors } = decodeSafetensors(new Uint8Array(await readFile(join(folder.path, 'weights.safetensors'))));
    const model = fromBinary(ModelProtoSchema, net('one'));
    const same = (name: string): boolean => {
      const found = tensors.find((tensor) => tensor.name === name)!.data;
      return Buffer.compare(Buffer.from(found.buffer, found.byteOffset, found.byteLength), Buffer.from(model.graph!.initializer.find((tensor) => tensor.name === name)!.rawData)) === 0;
    };
    for (const name of ['into.weight', 'into.bias', 'norm.weight', 'norm.bias', 'norm.running_mean', 'norm.running_var']) expect(same(name), name).toBe(true);
    expect(same('out.weight')).toBe(false);
  });

  it('goes on after kill -9 with the bits of an uninterrupted run', async () => {
    const long = config({ steps: 6000, checkpointEvery: 200 });
    const calm = await run(long, 'calm');
    const storm = workspace('storm');
    const { child, done } = startCli(['run', await folder.write('own.yaml', long), '--workspace', storm]);
    const runs = join(storm, 'runs');
    const hasCheckpoint = async (): Promise<boolean> => (await readdir(runs, { recursive: true }).catch(() => [])).some((name) => name.includes('checkpoint-') && name.endsWith('.safetensors'));
    while (child.exitCode === null && !(await hasCheckpoint())) await sleep(20);
    const { stdout } = await promisify(execFile)('pgrep', ['-P', String(child.pid)]).catch(() => ({ stdout: '' }));
    for (const worker of stdout.split('\n').filter((line) => line !== '')) process.kill(Number(worker), 'SIGKILL');
    child.kill('SIGKILL');
    await done;
    await cliJson(['resume', '--workspace', storm]);
    expect(await cliJson<RunView[]>(['runs', '--workspace', storm])).toEqual([expect.objectContaining({ status: 'finished', attempts: 2, weightsHash: calm.weightsHash })]);
  });

  it('takes in tensors that the file keeps beside it', async () => {
    const model = fromBinary(ModelProtoSchema, net('one'));
    const weight = model.graph!.initializer.find(({ name }) => name === 'out.weight')!;
    await folder.write('beside.onnx.data', Buffer.concat([Buffer.alloc(16), weight.rawData]));
    weight.externalData = Object.entries({ location: 'beside.onnx.data', offset: '16', length: String(weight.rawData.length) }).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
    weight.rawData = new Uint8Array();
    weight.dataLocation = TensorProto_DataLocation.EXTERNAL;
    await folder.write('beside.onnx', toBinary(ModelProtoSchema, model));
    const whole = await run(config(), 'first');
    expect(await run(config({ path: 'beside.onnx' }), 'first')).toMatchObject({ status: 'finished', weightsHash: whole.weightsHash });

    await rename(join(folder.path, 'beside.onnx.data'), join(folder.path, 'sub', 'beside.onnx.data'));
    await refused('beside.onnx', 'ONNX_EXTERNAL_DATA', /keeps tensors in beside\.onnx\.data, which is not beside it/u);
    weight.externalData.find(({ key }) => key === 'location')!.value = 'sub/beside.onnx.data';
    await folder.write('beside.onnx', toBinary(ModelProtoSchema, model));
    await refused('beside.onnx', 'ONNX_EXTERNAL_DATA', /does not lie beside it/u);
  });

  it('is refused before it begins where its file cannot be trained', async () => {
    expect.hasAssertions();
    await refused('missing.onnx', 'ONNX_NOT_FOUND', /There is no ONNX file missing\.onnx \(model\.path\)/u);
    await refused('sub', 'ONNX_NOT_A_FILE', /no ordinary file/u);
    await refused('table.csv', 'ONNX_UNREADABLE', /not an ONNX model/u);
    await folder.write('wide.onnx', madeFile({ nodes: [{ op: 'Gemm', inputs: ['x', 'w'] }], initializers: { w: drawn('w', 5, 3) }, input: ['batch', 5] }));
    await refused('wide.onnx', 'ONNX_INPUT', /\[\?, 5\], but an example of the data is a row of features, \[4\]/u);
    await folder.write('strange.onnx', madeFile({ nodes: [{ op: 'Einsum', inputs: ['x'], outputs: ['e'], name: 'mix' }, { op: 'Gemm', inputs: ['e', 'w'] }], initializers: { w: drawn('w', 4, 3) } }));
    await refused('strange.onnx', 'ONNX_OPERATOR', /operator Einsum of node mix is not covered/u);
  });
});

async function refused(path: string, code: string, words: RegExp): Promise<void> {
  const result = await cli(['run', await folder.write('bad.yaml', config({ path })), '--workspace', workspace('none'), '--json']);
  expect(result.code).toBe(2);
  expect(JSON.parse(result.stdout)).toMatchObject({ error: { code, message: expect.stringMatching(words) as unknown } });
}
