/** A bundle of command runs for tests: code, inputs and outputs on disk, a log as the host writes it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { defaultCommandTolerance } from '../../../src/bundle/command-tolerance';
import type { BundleInput, CommandRunInput } from '../../../src/bundle/model';
import { isCommandConfig, type CommandConfig } from '../../../src/config/command';
import { canonicalJson, commandComputeHash, configHash } from '../../../src/config/hash';
import { parseConfig } from '../../../src/config/parse';
import { encodeRecord } from '../../../src/events/codec';
import type { CommandManifest } from '../../../src/events/manifest';
import type { EventBody } from '../../../src/events/records';
import { sampleManifest, sha256, TIME } from './sample';

export interface CommandSampleOptions {
  readonly seeds?: readonly number[];
  readonly config?: object;
  /** One line of the program's output. */
  readonly printed?: string;
  /** Input files by their path below `data`. */
  readonly inputs?: Readonly<Record<string, string>>;
}

export function commandConfig(seed: number, more: object = {}): CommandConfig {
  const config = parseConfig({ experiment: 'sums', author: 'Ada', task: { command: ['python', 'sum.py', '{rate}', '{seed}'], inputs: ['data'], outputs: ['out/*'] }, params: { rate: 0.1 }, seed, selection: { metric: 'loss' }, ...more });
  if (!isCommandConfig(config)) throw new Error('no command');
  return config;
}

const CODE: Readonly<Record<string, string>> = { 'sum.py': 'print(sum(range(10)))\n', 'lib/util.py': 'x = 1\n', 'lib/copy.py': 'x = 1\n' };

async function put(folder: string, name: string, bytes: string): Promise<{ readonly sha256: string; readonly bytes: number; readonly file: string }> {
  const file = join(folder, ...name.split('/'));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
  return { sha256: sha256(Buffer.from(bytes)), bytes: Buffer.byteLength(bytes), file };
}

export async function commandInput(folder: string, options: CommandSampleOptions = {}): Promise<BundleInput & { readonly runs: readonly CommandRunInput[] }> {
  const code = await Promise.all(Object.entries(CODE).sort(([a], [b]) => (a < b ? -1 : 1)).map(async ([path, text]) => ({ path, ...(await put(folder, `code/${path}`, text)) })));
  const listText = canonicalJson({ format: 1, files: code.map(({ path, sha256: hash, bytes }) => ({ path, mode: 'file', sha256: hash, bytes })), withheld: [{ path: '.env', reason: 'secret', note: 'its name says that it holds secrets' }] });
  const list = await put(folder, 'list.json', listText);
  const given = options.inputs ?? { 'a.csv': 'x,y\n1,2\n', 'deep/b.csv': 'x,y\n3,4\n' };
  const members = await Promise.all(Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1)).map(async ([path, text]) => ({ path, ...(await put(folder, `data/${path}`, text)) })));
  const ref = { path: 'data', fingerprint: sha256(Buffer.from(members.map(({ path, sha256: hash }) => `${path}\0${hash}\n`).join(''))), bytes: members.reduce((sum, { bytes }) => sum + bytes, 0), files: members.length, license: 'CC0-1.0' };
  const runs: CommandRunInput[] = [];
  for (const seed of options.seeds ?? [1, 2]) runs.push(await commandRun(folder, seed, list.sha256, code.length, ref, options));
  const objects = new Map(code.map(({ sha256: hash, file }) => [hash, file]));
  return {
    name: 'sums', description: 'Runs of a program', license: 'MIT', createdAt: TIME, author: 'Ada', reprise: '0.1.0', runs, data: [], study: null,
    code: [{ snapshot: list.sha256, list: list.file, objects: [...objects].map(([hash, file]) => ({ sha256: hash, file })) }],
    inputs: [{ ref, members }],
    report: { markdown: '# Report\n', html: '<!doctype html><title>Report</title><p>Report</p>\n' },
    privatePaths: [folder],
  };
}

async function commandRun(folder: string, seed: number, snapshot: string, files: number, ref: CommandManifest['inputs'][number], options: CommandSampleOptions): Promise<CommandRunInput> {
  const runId = `cmd${seed}xyz`;
  const home = `runs/${runId}`;
  const config = commandConfig(seed, options.config);
  const model = await put(folder, `${home}/model.bin`, `weights of ${seed}`);
  const shared = await put(folder, `${home}/notes.txt`, 'the same in all runs');
  const kept = [{ path: 'out/model.bin', ...model }, { path: 'out/notes.txt', ...shared }];
  const bodies: EventBody[] = [
    { type: 'attempt', attempt: 1, fromStep: 0, totalSteps: 0, stepsPerEpoch: 0, pid: 4711 },
    { type: 'points', key: 'loss', steps: [0, 5, 10], times: [TIME, TIME + 1, TIME + 2], values: [1, 0.5, seed / 10] },
    { type: 'points', key: 'grad', steps: [0, 5], times: [TIME, TIME], values: ['NaN', '-0'] },
    ...kept.map(({ path, sha256: hash, bytes }) => ({ type: 'file', path, sha256: hash, bytes }) as const),
    { type: 'state', status: 'finished', endedAt: TIME + 1000 },
    { type: 'exit', attempt: 1, exitCode: 0, signal: null },
  ];
  const log = await put(folder, `${home}/events.log`, Buffer.concat(bodies.map((body, seq) => encodeRecord({ ...body, seq, time: TIME + seq }))).toString('utf8'));
  const output = await put(folder, `${home}/output.jsonl`, `${JSON.stringify({ time: TIME, stream: 'stdout', text: options.printed ?? '45' })}\n`);
  const base = sampleManifest(runId, seed, { fingerprint: 'a'.repeat(64), bytes: 1, trainingGraphHash: 'b'.repeat(64) });
  return {
    kind: 'command',
    manifest: {
      format: 1, kind: 'command', runId, reproductionId: `sums-${seed}-DEADBEEF`, experiment: 'sums', variant: { studyId: 'study1', variant: 'baseline' }, config, configHash: configHash(config),
      computeHash: commandComputeHash(config, { code: snapshot, inputs: { data: ref.fingerprint }, environment: null, variables: {}, hardware: {} }), inputs: [ref], createdAt: TIME,
      provenance: { ...base.provenance, code: { snapshot, folder: '', files, bytes: 100, withheld: [{ path: '.env', note: 'its name says that it holds secrets' }], complete: false } },
    },
    status: 'finished', startedAt: TIME, endedAt: TIME + 1000,
    files: kept, eventLog: log.file, output: [output.file],
    tolerance: defaultCommandTolerance('Not calibrated: a sample.'),
  };
}
