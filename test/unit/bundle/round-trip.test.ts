import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha512 } from '../../../src/bundle/bag';
import { readBundleLog, traceOfLog } from '../../../src/bundle/event-log';
import type { BundleInput } from '../../../src/bundle/model';
import { extractBundle, openBundle } from '../../../src/bundle/open';
import { judgeRun } from '../../../src/bundle/verdict';
import { verifyBundle, type Verification } from '../../../src/bundle/verify';
import { writeBundle } from '../../../src/bundle/write';
import { ModelProtoSchema, TensorProto_DataLocation } from '../../../src/onnx/proto/onnx_pb';
import { pack, remakeHashes, unpack, type Files } from '../../helpers/bundle-surgery';
import { freshFolder, sampleInput, sha256, TIME } from './sample';

let folder: string;
let input: BundleInput;
let file: string;

beforeAll(async () => {
  folder = await freshFolder();
  input = await sampleInput(join(folder, 'workspace'));
  file = join(folder, 'sample.crate.zip');
  await writeBundle(input, file);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

let copies = 0;
/** The bundle with its files changed, and its hashes made again where asked for. */
async function altered(change: (files: Files) => void, remake = false): Promise<string> {
  const files = await unpack(file);
  change(files);
  if (remake) remakeHashes(files);
  return pack(files, join(folder, `altered-${copies++}.crate.zip`));
}

function edit(files: Files, name: string, change: (text: string) => string): void {
  const before = files.get(name)?.toString('utf8');
  if (before === undefined) throw new Error(`no ${name}`);
  const after = change(before);
  expect(after).not.toBe(before);
  files.set(name, Buffer.from(after));
}

const paths = (found: Verification): string[] => found.problems.map((problem) => problem.path);

describe('writeBundle', () => {
  it('makes a bundle that verifies, with the digest it announced', async () => {
    const again = join(folder, 'again', 'sample.crate.zip');
    await mkdir(join(folder, 'again'));
    const steps: number[] = [];
    const written = await writeBundle(input, again, { onProgress: (done, total) => steps.push(done / total) });
    const found = await verifyBundle(again);
    expect(found.problems).toEqual([]);
    expect(found).toMatchObject({ valid: true, digest: written.digest, name: 'two-moons', license: 'CC-BY-4.0' });
    expect(found.runs).toEqual([0, 1, 2].map((seed) => ({ runId: `run${seed}abc`, reproductionId: `two-moons-${seed}-DEADBEEF`, variant: 'baseline', seed, totalSteps: 40 })));
    expect(steps.at(-1)).toBe(1);
    expect(written.digest).toBe(sha256((await unpack(again)).get('tagmanifest-sha512.txt') ?? ''));
  });

  it('gives the same bytes for the same input, whatever the time zone', async () => {
    const zone = process.env['TZ'];
    process.env['TZ'] = 'Pacific/Auckland';
    await mkdir(join(folder, 'zone'));
    await writeBundle(input, join(folder, 'zone', 'sample.crate.zip'));
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
    expect(sha256(await readFile(join(folder, 'zone', 'sample.crate.zip')))).toBe(sha256(await readFile(file)));
  });

  it('stores files once that several runs share', async () => {
    const names = [...(await unpack(file)).keys()];
    expect(names.filter((name) => name.endsWith('/training.onnx') || name.endsWith('/scalars.safetensors'))).toEqual([]);
    expect(names.filter((name) => name.startsWith('data/objects/'))).toHaveLength(2);
    expect(names.filter((name) => name.endsWith('/weights.safetensors'))).toHaveLength(3);
    const content = await openBundle(file).then(async (bundle) => bundle.content().finally(() => bundle.close()));
    expect(new Set(content.runs.map((run) => run.files['training-graph'])).size).toBe(1);
  });

  it('gives back what went in', async () => {
    const bundle = await openBundle(file);
    const content = await bundle.content();
    expect(content.runs.map((run) => run.manifest)).toEqual(input.runs.map((run) => run.manifest));
    expect(content.runs.map((run) => run.tolerance)).toEqual(input.runs.map((run) => run.tolerance));
    expect(content).toMatchObject({ createdAt: TIME, author: 'Ada Lovelace', study: input.study, data: [{ fingerprint: input.data[0]?.ref.fingerprint }] });
    const run = content.runs[1]!;
    const trace = traceOfLog(readBundleLog(await bundle.read(run.eventLog), run.eventLog));
    expect(trace).toMatchObject({ status: 'finished', weightsHash: run.weightsHash, metrics: run.metrics });
    expect(judgeRun(trace, trace, { sameRuntime: true, differences: [], tolerance: run.tolerance, metric: 'accuracy' }).verdict).toBe('identical');
    bundle.close();
  });

  it('does not replace a file unless told, and leaves nothing behind', async () => {
    const target = join(folder, 'taken', 'x.crate.zip');
    await mkdir(join(folder, 'taken'));
    await writeFile(target, 'mine');
    await expect(writeBundle(input, target)).rejects.toMatchObject({ code: 'FILE_EXISTS', kind: 'input' });
    expect(await readFile(target, 'utf8')).toBe('mine');
    await expect(writeBundle(input, join(folder, 'taken'), { overwrite: true })).rejects.toMatchObject({ code: 'FILE_IS_FOLDER', kind: 'input' });
    await expect(writeBundle(input, join(folder, 'nowhere', 'x.crate.zip'))).rejects.toMatchObject({ code: 'FOLDER_NOT_FOUND', kind: 'input' });
    await writeBundle(input, target, { overwrite: true });
    expect((await verifyBundle(target)).valid).toBe(true);
    const [first] = input.runs;
    const lost = { ...input, runs: [{ ...first!, files: { ...first!.files, weights: join(folder, 'nowhere') } }] };
    await expect(writeBundle(lost, join(folder, 'taken', 'y.crate.zip'))).rejects.toMatchObject({ code: 'BUNDLE_SOURCE_MISSING' });
    expect(await readdir(join(folder, 'taken'))).toEqual(['x.crate.zip']);
  });

  it.each(['', 'no licence', 'MIT OR', '(MIT', 'CC BY 4.0'])('refuses the licence %j', async (license) => {
    await expect(writeBundle({ ...input, license }, join(folder, 'l.crate.zip'))).rejects.toMatchObject({ code: 'BUNDLE_LICENSE', kind: 'input' });
  });

  it.each(['MIT OR Apache-2.0', 'LicenseRef-mine', 'GPL-2.0-or-later WITH Classpath-exception-2.0'])('takes the licence %s', async (license) => {
    const target = join(folder, `${license.replaceAll(/\W/gu, '')}.crate.zip`);
    await writeBundle({ ...input, license }, target);
    expect(await verifyBundle(target)).toMatchObject({ valid: true, license, problems: [] });
  });

  it('says how to supply a CSV file that was left out, and names every verdict', async () => {
    const sourceSha256 = sha256('the author\'s file');
    const target = join(folder, 'my csv.crate.zip');
    await writeBundle({ ...input, data: input.data.map(({ ref }) => ({ ref: { ...ref, source: 'iris.csv', sourceSha256 }, file: null })) }, target);
    const text = (await unpack(target)).get('data/REPRODUCE.md')?.toString('utf8') ?? '';
    expect(text).toContain(`whose SHA-256 is \`${sourceSha256}\``);
    expect(text).toContain("reproduce 'my csv.crate.zip' --trust DIGEST --data CSVFILE");
    for (const verdict of ['identical', 'within-tolerance', 'diverged', 'inconclusive', 'not-comparable', 'not-executed']) expect(text).toContain(`\`${verdict}\``);
    expect((await unpack(file)).get('data/REPRODUCE.md')?.toString('utf8')).not.toContain('--data');
  });

  it('leaves data out that is too large or not to be given', async () => {
    for (const without of [{ ...input, maxDataBytes: 10 }, { ...input, data: input.data.map((entry) => ({ ...entry, file: null })) }]) {
      const target = join(folder, 'no-data.crate.zip');
      const written = await writeBundle(without, target, { overwrite: true });
      const fingerprint = input.data[0]!.ref.fingerprint;
      expect(written.omittedData).toEqual([fingerprint]);
      const found = await verifyBundle(target);
      expect(found).toMatchObject({ valid: true, problems: [], content: { data: [{ fingerprint, file: null, source: 'two moons, 2000 samples, noise 0.2' }] } });
      expect([...(await unpack(target)).keys()].filter((name) => name.startsWith('data/datasets/'))).toEqual([]);
    }
  });

  it('takes personal paths, credentials and the host out, and leaves captured code as it was', async () => {
    const workspace = join(folder, 'private');
    const told = await sampleInput(workspace, { message: `loaded ${workspace}/data from /home/ada/x and C:\\Users\\Ada\\y`, remote: 'https://ada:secret@git.example.org/x.git' });
    const target = join(folder, 'private.crate.zip');
    await writeBundle(told, target);
    expect((await verifyBundle(target)).problems).toEqual([]);
    const files = await unpack(target);
    const log = files.get('data/runs/run0abc/events.log')?.toString('utf8');
    expect(log).toContain('loaded <folder>/data from ~/x and ~\\\\y');
    expect(files.get('data/report.md')?.toString('utf8')).toBe('# Report\n\nFrom <folder>/runs\n');
    const manifest = JSON.parse(files.get('data/runs/run0abc/run.json')?.toString('utf8') ?? '') as { provenance: { git: { remote: string; patch: string } } };
    expect(manifest.provenance.git).toMatchObject({ remote: 'https://git.example.org/x.git', patch: '--- a/home\n+++ /home/ada/secret\n' });
    for (const [name, bytes] of files) expect(bytes.includes(workspace), name).toBe(false);
  });
});

describe('verifyBundle', () => {
  it('takes a bundle that another tool packed again', async () => {
    expect((await verifyBundle(await altered(() => undefined))).problems).toEqual([]);
  });

  it.each(['data/runs/run1abc/events.log', 'data/runs/run0abc/weights.safetensors', 'data/report.html', 'data/tolerance.json', 'bag-info.txt', 'bagit.txt'])('names %s when a byte of it is changed', async (name) => {
    const found = await verifyBundle(await altered((files) => {
      const bytes = files.get(name)!;
      const at = Math.floor(bytes.length / 2);
      bytes[at] = bytes[at]! ^ 1;
    }));
    expect(found.valid).toBe(false);
    expect(paths(found)).toContain(name);
  });

  it('names files that were added or removed', async () => {
    const added = await verifyBundle(await altered((files) => files.set('data/extra.txt', Buffer.from('x'))));
    expect(paths(added)).toContain('data/extra.txt');
    expect(added.problems.some((problem) => problem.path === 'bag-info.txt')).toBe(true);
    const tag = await verifyBundle(await altered((files) => files.set('extra.txt', Buffer.from('x'))));
    expect(paths(tag)).toContain('extra.txt');
    const removed = await verifyBundle(await altered((files) => files.delete('data/report.md')));
    expect(paths(removed)).toContain('data/report.md');
    const noIndex = await verifyBundle(await altered((files) => files.delete('data/bundle.json')));
    expect(noIndex.problems).toContainEqual({ path: 'data/bundle.json', message: 'is not in the bundle.' });
    for (const problem of noIndex.problems) expect(problem.path.split('data/bundle.json').length + problem.message.split('data/bundle.json').length).toBeLessThanOrEqual(3);
  });

  it('sees a manifest that was changed along with a file', async () => {
    const found = await verifyBundle(await altered((files) => {
      const before = sha512(files.get('data/report.md')!);
      files.set('data/report.md', Buffer.from('# Better\n'));
      edit(files, 'manifest-sha512.txt', (text) => text.replace(before, sha512(files.get('data/report.md')!)));
    }));
    expect(found.valid).toBe(false);
    expect(paths(found)).toContain('manifest-sha512.txt');
  });

  it('gives another digest to a bundle whose hashes were all made again', async () => {
    const target = await altered((files) => edit(files, 'data/report.md', (text) => `${text}more\n`), true);
    const [original, found] = [await verifyBundle(file), await verifyBundle(target)];
    expect(found.problems).toEqual([]);
    expect(found.digest).not.toBe(original.digest);
  });

  it.each<[string, (files: Files) => void, RegExp]>([
    ['an event log without its checksum', (files) => edit(files, 'data/runs/run0abc/events.log', (text) => text.replace('"learningRates":[0.01', '"learningRates":[0.02')), /checksum/u],
    ['an event log cut off', (files) => edit(files, 'data/runs/run0abc/events.log', (text) => text.slice(0, -20)), /damaged/u],
    ['an outcome that the log does not bear out', (files) => edit(files, 'data/bundle.json', (text) => text.replace('"accuracy": 0.9,', '"accuracy": 0.99,')), /other test metrics/u],
    ['an unknown kind of config', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"kind": "mlp"', '"kind": "pickle"')), /pickle|kind/u],
    ['a data path that leaves the workspace', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"file": "objects/', '"file": "../../')), /safe relative path/u],
    ['a run id that is a path', (files) => edit(files, 'data/bundle.json', (text) => text.replace('"runId": "run0abc"', '"runId": "../x"')), /letters, digits/u],
    ['a manifest of another run', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"runId": "run0abc"', '"runId": "run9abc"')), /manifest of run run9abc/u],
    ['weights that are no tensors', (files) => files.set('data/runs/run0abc/weights.safetensors', Buffer.from('pickle')), /safetensors/u],
    ['weights of another run', (files) => files.set('data/runs/run0abc/weights.safetensors', files.get('data/runs/run1abc/weights.safetensors')!), /not the weights/u],
    ['a tolerance that is not one', (files) => edit(files, 'data/tolerance.json', (text) => text.replace('"safetyFactor": 16', '"safetyFactor": -1')), /tolerance\.json/u],
    ['an ONNX file that is none', (files) => files.set('data/runs/run0abc/inference.onnx', Buffer.from('not onnx')), /ONNX/u],
    ['a graph that reads another file', (files) => files.set('data/runs/run0abc/inference.onnx', externalModel()), /external data/u],
    ['a crate that does not describe a file', (files) => edit(files, 'data/ro-crate-metadata.json', (text) => text.replaceAll('"report.md"', '"report2.md"')), /report2?\.md/u],
    ['a crate without an instrument', (files) => edit(files, 'data/ro-crate-metadata.json', (text) => text.replaceAll('"instrument"', '"agentx"')), /instrument/u],
    ['another licence in the crate', (files) => edit(files, 'data/ro-crate-metadata.json', (text) => text.replaceAll('licenses/CC-BY-4.0', 'licenses/MIT')), /licence/u],
    ['an index that is not JSON', (files) => files.set('data/bundle.json', Buffer.from('{')), /not JSON/u],
    ['data with another fingerprint', (files) => {
      const name = [...files.keys()].find((key) => key.startsWith('data/datasets/'))!;
      const bytes = files.get(name)!;
      bytes[bytes.length - 1] = bytes.at(-1)! ^ 1;
    }, /fingerprint/u],
  ])('finds %s though all hashes are right', async (_what, change, expected) => {
    const found = await verifyBundle(await altered(change, true));
    expect(found.valid).toBe(false);
    expect(found.problems.map((problem) => `${problem.path} ${problem.message}`).join('\n')).toMatch(expected);
  });

  it('reports damaged compressed bytes as a problem of that file', async () => {
    const bytes = await readFile(file);
    const at = bytes.indexOf('data/report.md') + 'data/report.md'.length;
    bytes.fill(0xff, at, at + 8);
    const target = join(folder, 'damaged.crate.zip');
    await writeFile(target, bytes);
    const found = await verifyBundle(target);
    expect(found.valid).toBe(false);
    expect(paths(found)).toContain('data/report.md');
  });

  it('refuses a zip that is no crate', async () => {
    const target = await pack(new Map([['readme.txt', Buffer.from('hello')]]), join(folder, 'other.zip'));
    await expect(verifyBundle(target)).rejects.toMatchObject({ code: 'BUNDLE_NOT_A_CRATE', kind: 'input' });
  });
});

describe('extractBundle', () => {
  it('unpacks every file into an empty folder, of the digest that was trusted only', async () => {
    const { digest } = await verifyBundle(file);
    const target = join(folder, 'out');
    const extracted = await extractBundle(file, target, { digest });
    expect(extracted.digest).toBe(digest);
    for (const [name, bytes] of await unpack(file)) expect(sha256(await readFile(join(target, ...name.split('/')))), name).toBe(sha256(bytes));
    await expect(extractBundle(file, target)).rejects.toMatchObject({ code: 'BUNDLE_FOLDER' });
    await expect(extractBundle(file, join(folder, 'out2'), { digest: '0'.repeat(64) })).rejects.toMatchObject({ code: 'BUNDLE_DIGEST' });
  });

  it('leaves nothing of a bundle whose bytes are not those of its manifest', async () => {
    const target = join(folder, 'out3');
    for (const change of [
      (files: Files) => void files.set('data/report.md', Buffer.from('# Better\n')),
      (files: Files) => void files.set('data/extra.txt', Buffer.from('x')),
      (files: Files) => void files.delete('data/report.md'),
    ]) {
      await expect(extractBundle(await altered(change), target)).rejects.toMatchObject({ code: 'BUNDLE_INVALID' });
      await expect(readdir(target)).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });
});

/** A model whose weight would be read from /etc/passwd. */
function externalModel(): Buffer {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    graph: { name: 'g', initializer: [{ name: 'w', dataType: 1, dims: [1n], dataLocation: TensorProto_DataLocation.EXTERNAL, externalData: [{ key: 'location', value: '/etc/passwd' }] }] },
  });
  return Buffer.from(toBinary(ModelProtoSchema, model));
}
