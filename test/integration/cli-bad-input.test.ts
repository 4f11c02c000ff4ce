import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, temporaryFolder } from '../helpers/cli';
import { npyBytes } from '../unit/datasets/files';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const good = `model: { kind: mlp }\ntraining: { learningRate: 0.01, batchSize: 32 }\ndata: { kind: two-moons }\nseed: 1\n`;
const csvConfig = (path: string): string => `model: { kind: mlp }\ntraining: { learningRate: 0.01, batchSize: 8 }\ndata: { kind: csv, path: ${path}, target: label }\nseed: 1\n`;
const rows = (count: number, row: (index: number) => string): string => Array.from({ length: count }, (_, index) => row(index)).join('\n');
const arrays = (more = ''): string => `model: { kind: mlp }\ntraining: { learningRate: 0.01, batchSize: 8 }\ndata: { kind: npy, path: x.npy, labels: y.npy${more} }\nseed: 1\n`;
/** 40 rows of two features, of which some are others; and their labels, 0 and 1 in turn. */
const features = (others: Readonly<Record<number, number>> = {}): Uint8Array => npyBytes('<f4', [40, 2], new Uint8Array(Float32Array.from({ length: 80 }, (_, at) => others[at] ?? at % 7).buffer));
const labels = (others: Readonly<Record<number, number>> = {}): Uint8Array => npyBytes('<i8', [40], new Uint8Array(BigInt64Array.from({ length: 40 }, (_, row) => BigInt(others[row] ?? row % 2)).buffer));
const study = (body: string, baseline = `{ model: { kind: mlp }, training: { learningRate: 0.01, batchSize: 32 }, data: { kind: two-moons }, seed: 1 }`): string =>
  `experiment: s\nbaseline: ${baseline}\ndesign: one-at-a-time\nseeds: [1, 2]\n${body}\n`;
const factor = 'factors: [{ path: training.learningRate, levels: [0.1] }]';

async function zipOf(entries: Readonly<Record<string, string>>, file: string): Promise<void> {
  const zip = new yazl.ZipFile();
  for (const [name, text] of Object.entries(entries)) zip.addBuffer(Buffer.from(text), name);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file));
}

interface BadInput {
  readonly what: string;
  readonly command: 'run' | 'ablate' | 'verify' | 'reproduce';
  readonly file: string;
  readonly content: string | Uint8Array | ((file: string) => Promise<void>) | null;
  /** Other files beside it. */
  readonly beside?: Readonly<Record<string, string | Uint8Array>>;
  readonly says: RegExp;
}

const badInputs: readonly BadInput[] = [
  { what: 'a config that is not there', command: 'run', file: 'missing.yaml', content: null, says: /missing\.yaml: there is no such file/u },
  { what: 'a config that is no YAML', command: 'run', file: 'broken.yaml', content: 'model: [1, 2\nseed: 1', says: /broken\.yaml, line \d/u },
  { what: 'a config with a repeated key', command: 'run', file: 'twice.yaml', content: `${good}seed: 2\n`, says: /twice\.yaml, line 5: Map keys must be unique/u },
  { what: 'a config that is a list', command: 'run', file: 'list.json', content: '[1, 2, 3]', says: /list\.json: .*must be a mapping/u },
  { what: 'a config that is binary', command: 'run', file: 'binary.yaml', content: new Uint8Array([0xff, 0xfe, 0x00, 0x80]), says: /binary\.yaml: is not UTF-8 text/u },
  { what: 'a negative seed', command: 'run', file: 'seed.yaml', content: good.replace('seed: 1', 'seed: -1'), says: /seed\.yaml: seed is -1, must be ≥ 0/u },
  { what: 'a missing learning rate', command: 'run', file: 'rate.yaml', content: good.replace('learningRate: 0.01, ', ''), says: /rate\.yaml: training\.learningRate is missing/u },
  { what: 'a missing batch size', command: 'run', file: 'batch.yaml', content: good.replace(', batchSize: 32', ''), says: /batch\.yaml: training\.batchSize is missing/u },
  { what: 'an unknown key', command: 'run', file: 'unknown.yaml', content: `${good}sede: 3\n`, says: /unknown\.yaml: sede is an unknown key; did you mean "seed"/u },
  { what: 'a value of another type', command: 'run', file: 'type.yaml', content: good.replace('batchSize: 32', 'batchSize: "32"'), says: /type\.yaml: training\.batchSize is "32", must be a number/u },
  { what: 'more threads than any machine has cores', command: 'run', file: 'threads.yaml', content: `${good}executor: { threads: 256 }\n`, says: /threads\.yaml: executor\.threads is 256/u },
  { what: 'a convolution over points', command: 'run', file: 'points.yaml', content: good.replace('kind: mlp', 'kind: cnn'), says: /points\.yaml: .*image/u },
  { what: 'a study with an unknown path', command: 'ablate', file: 'path.yaml', content: study('factors: [{ path: training.rate, levels: [1] }]'), says: /path\.yaml: .*training\.rate/u },
  { what: 'a study that repeats the baseline', command: 'ablate', file: 'same.yaml', content: study('factors: [{ path: training.learningRate, levels: [0.01] }]'), says: /same\.yaml: .*equals the baseline/u },
  { what: 'a study with a seed twice', command: 'ablate', file: 'seeds.yaml', content: study(factor).replace('[1, 2]', '[1, 1]'), says: /seeds\.yaml: .*twice/u },
  { what: 'a study with an unknown design', command: 'ablate', file: 'design.yaml', content: study(factor).replace('one-at-a-time', 'latin'), says: /design\.yaml: .*design is "latin", must be one of/u },
  { what: 'a study whose baseline file is missing', command: 'ablate', file: 'nobase.yaml', content: study(factor, 'gone.yaml'), says: /gone\.yaml: there is no such file/u },
  { what: 'a CSV that is missing', command: 'run', file: 'nocsv.yaml', content: csvConfig('gone.csv'), says: /gone\.csv/u },
  { what: 'a CSV without the target column', command: 'run', file: 'target.yaml', content: csvConfig('target.csv'), beside: { 'target.csv': `a,b,class\n${rows(40, (i) => `${i},1,${i % 2}`)}\n` }, says: /target\.csv.*label/u },
  { what: 'a CSV with a text for a number', command: 'run', file: 'text.yaml', content: csvConfig('text.csv'), beside: { 'text.csv': `a,label\n${rows(40, (i) => `${i === 6 ? 'x7' : i},${i % 2}`)}\n` }, says: /text\.csv.*line 8.*"x7"|text\.csv.*8.*x7/u },
  { what: 'a CSV with a short row', command: 'run', file: 'ragged.yaml', content: csvConfig('ragged.csv'), beside: { 'ragged.csv': `a,b,label\n${rows(40, (i) => (i === 2 ? '1,0' : `${i},1,${i % 2}`))}\n` }, says: /ragged\.csv.*4/u },
  { what: 'a CSV with one class', command: 'run', file: 'one.yaml', content: csvConfig('one.csv'), beside: { 'one.csv': `a,label\n${rows(40, (i) => `${i},yes`)}\n` }, says: /one\.csv holds only "yes"/u },
  { what: 'a CSV that holds NaN', command: 'run', file: 'nan.yaml', content: csvConfig('nan.csv'), beside: { 'nan.csv': `a,label\n${rows(40, (i) => `${i === 6 ? 'NaN' : i},${i % 2}`)}\n` }, says: /nan\.csv.*8/u },
  { what: 'an empty split', command: 'run', file: 'split.yaml', content: arrays(', split: { validation: 0.1, test: 0.005 }'), beside: { 'x.npy': features(), 'y.npy': labels() }, says: /split\.yaml: The 40 examples would be split into 36 for training, 4 for validation and 0 for test; each needs at least one/u },
  { what: 'a text that is too short for one example', command: 'run', file: 'short.yaml', content: 'model: { kind: transformer, width: 8, layers: 1, heads: 1 }\ntraining: { learningRate: 0.01, batchSize: 8 }\ndata: { kind: text, path: short.txt, length: 64 }\nseed: 1\n', beside: { 'short.txt': 'Call me Ishmael.' }, says: /part of the text has \d+ tokens; one example of data\.length 64 takes 65/u },
  { what: 'an array that holds NaN', command: 'run', file: 'arraynan.yaml', content: arrays(), beside: { 'x.npy': features({ 13: NaN }), 'y.npy': labels() }, says: /x\.npy holds NaN in row 6, column 1/u },
  { what: 'an array that holds an infinity', command: 'run', file: 'arrayinf.yaml', content: arrays(), beside: { 'x.npy': features({ 4: -Infinity }), 'y.npy': labels() }, says: /x\.npy holds -Infinity in row 2, column 0/u },
  { what: 'a label below 0', command: 'run', file: 'label.yaml', content: arrays(), beside: { 'x.npy': features(), 'y.npy': labels({ 9: -1 }) }, says: /y\.npy has the label -1 in row 9/u },
  { what: 'a label that the training part has not', command: 'run', file: 'new.yaml', content: arrays(', validationPath: x.npy, validationLabels: v.npy'), beside: { 'x.npy': features(), 'y.npy': labels(), 'v.npy': labels({ 3: 2 }) }, says: /v\.npy has the label 2 in row 3; the training part has the classes 0 to 1/u },
  { what: 'an array that was cut short', command: 'run', file: 'arraycut.yaml', content: arrays(), beside: { 'x.npy': features().subarray(0, 200), 'y.npy': labels() }, says: /x\.npy/u },
  { what: 'a picture that is damaged', command: 'run', file: 'picture.yaml', content: 'model: { kind: mlp }\ntraining: { learningRate: 0.01, batchSize: 8 }\ndata: { kind: images, path: pictures, rows: 4, columns: 4 }\nseed: 1\n', beside: Object.fromEntries(['a', 'b'].flatMap((name) => Array.from({ length: 10 }, (_, index) => [`pictures/${name}/${index}.png`, new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0])]))), says: /[ab]\/\d\.png/u },
  { what: 'a bundle that is not there', command: 'verify', file: 'gone.crate.zip', content: null, says: /gone\.crate\.zip/u },
  { what: 'a bundle that is no zip', command: 'verify', file: 'text.crate.zip', content: 'PK? no', says: /text\.crate\.zip/u },
  { what: 'a zip without a bag', command: 'verify', file: 'plain.crate.zip', content: (file) => zipOf({ 'hello.txt': 'hello' }, file), says: /plain\.crate\.zip/u },
  { what: 'a truncated bundle', command: 'reproduce', file: 'cut.crate.zip', content: new Uint8Array([0x50, 0x4b, 0x03, 0x04, 0x14, 0x00]), says: /cut\.crate\.zip/u },
];

describe('bad input: exit 2, one clear sentence with the path, nothing written', () => {
  it.each(badInputs)('$what', async ({ command, file, content, beside, says }) => {
    const cwd = join(folder.path, file.replaceAll('.', '-'));
    await mkdir(cwd);
    const named = join(cwd, file);
    for (const [name, text] of Object.entries(beside ?? {})) {
      await mkdir(join(cwd, dirname(name)), { recursive: true });
      await folder.write(join(file.replaceAll('.', '-'), name), text);
    }
    if (typeof content === 'function') await content(named);
    else if (content !== null) await folder.write(join(file.replaceAll('.', '-'), file), content);
    const before = await readdir(cwd);
    const workspace = join(cwd, 'workspace');

    const result = await cli([command, file, '--workspace', workspace, '--json'], { cwd });

    expect(result.stderr.split('\n')[0]).toMatch(says);
    expect(result.stderr).toMatch(/^error: [^\n]+\n/u);
    expect(result.stderr).not.toMatch(/\n\s+at /u);
    expect(result.code).toBe(2);
    const answer = JSON.parse(result.stdout) as { error: { code: string; message: string } };
    expect(answer.error.code).toMatch(/^[A-Z][A-Z_]+$/u);
    expect(answer.error.code).not.toBe('INTERNAL');
    expect(existsSync(workspace)).toBe(false);
    expect(await readdir(cwd)).toEqual(before);
  });

  it('wrong use of the command line is exit 2 as well', async () => {
    for (const args of [['frobnicate'], ['run'], ['run', 'x.yaml', '--seed', '-3'], ['export', 'x'], ['runs', '--workspace']]) {
      const result = await cli(args);
      expect(result.code, args.join(' ')).toBe(2);
      expect(result.stderr).toMatch(/error: /u);
      expect(result.stdout).toBe('');
      const document = JSON.parse((await cli([...args, '--json'])).stdout) as { error: { code: string } };
      expect(document.error.code).toMatch(/^(?:USAGE|LICENSE_MISSING|WORKSPACE_NOT_FOUND)$/u);
    }
  });

  it('looking into a workspace that does not exist makes none', async () => {
    const workspace = join(folder.path, 'nowhere');
    for (const args of [['runs'], ['resume'], ['retry', 'x'], ['cancel', 'x'], ['compare', 'x'], ['report', 'x', '-o', 'r.md'], ['workspace', 'check'], ['workspace', 'rebuild']]) {
      const result = await cli([...args, '--workspace', workspace]);
      expect(result.code, args.join(' ')).toBe(2);
      expect(result.stderr).toContain(workspace);
    }
    expect(existsSync(workspace)).toBe(false);
  });
});
