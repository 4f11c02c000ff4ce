/** The parts of a bundle that command runs need: their records, their files, the code they ran in, what they read. */
import { readFile } from 'node:fs/promises';
import { formatYaml } from '../config/yaml';
import { RepriseError } from '../errors/errors';
import type { CommandManifest } from '../events/manifest';
import { toLogged } from '../events/records';
import { readBundleRecords, redactLog } from './event-log';
import { parseCommandManifest } from './manifest-schemas';
import type { BundleCodeInput, BundleInputInput, CommandRunInput, KeptFile } from './model';
import { NameRegister } from './names';
import type { PayloadBuilder } from './payload';
import { redactCommandManifest, type Redact } from './redact';
import { summariesOfLog } from './series';

/** Of one attempt; the rest of a longer output stays where it was made. */
const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

async function read(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new RepriseError('BUNDLE_SOURCE_MISSING', `${file} cannot be read, so the bundle cannot be made.`, { kind: 'system', hint: '`reprise workspace check` tells what else is missing.', cause: error });
  }
}

/** Gives files the names that people know them by, where every file system can hold them side by side. */
class Naming {
  readonly #register = new NameRegister();

  constructor(private readonly payload: PayloadBuilder) {}

  /** Puts a file in. @returns the name it was asked to have; `payload.places()` knows where it is, or it is that name itself */
  async add(wanted: string, { sha256 }: KeptFile, file: string): Promise<string> {
    if (this.#register.add(wanted) === null) {
      await this.payload.addFile(wanted, file);
      return wanted;
    }
    const byHash = `data/objects/${sha256}`;
    await this.payload.addFixedFile(byHash, file);
    return byHash;
  }
}

/** What of a command run is in the payload, before the places of shared files are known. */
export interface AddedCommandRun {
  readonly manifest: CommandManifest;
  readonly entry: (places: ReadonlyMap<string, string>) => Record<string, unknown>;
}

export async function addCommandRun(payload: PayloadBuilder, run: CommandRunInput, redact: Redact): Promise<AddedCommandRun> {
  const { runId } = run.manifest;
  const folder = `data/runs/${runId}`;
  const text = `${JSON.stringify(redactCommandManifest(run.manifest, redact), null, 2)}\n`;
  const manifest = parseCommandManifest(text, `run ${runId}`);
  payload.addBytes(`${folder}/run.json`, text);
  payload.addBytes(`${folder}/config.yaml`, formatYaml(manifest.config));
  const original = await read(run.eventLog);
  const log = redactLog(original, redact) ?? original;
  payload.addBytes(`${folder}/events.log`, log);
  const output = run.output.length === 0 ? null : `${folder}/output.jsonl`;
  if (output !== null) payload.addBytes(output, redact((await Promise.all(run.output.map(async (file) => outputText(await read(file))))).join('')));
  const naming = new Naming(payload);
  const wanted = new Map<string, string>();
  for (const kept of run.files) if (kept.file !== null) wanted.set(kept.path, await naming.add(`${folder}/files/${kept.path}`, kept, kept.file));
  const series = summariesOfLog(readBundleRecords(log, `${folder}/events.log`));
  return {
    manifest,
    entry: (places) => ({
      kind: 'command',
      runId,
      manifest: `${folder}/run.json`,
      eventLog: `${folder}/events.log`,
      config: `${folder}/config.yaml`,
      output,
      files: run.files.map(({ path, sha256, bytes }) => ({ path, sha256, bytes, file: placed(wanted.get(path), places) })),
      series: series.map(({ key, points, last }) => ({ key, points, last: toLogged(last) })),
      status: run.status,
      startedAt: run.startedAt,
      endedAt: run.endedAt,
    }),
  };
}

function placed(name: string | undefined, places: ReadonlyMap<string, string>): string | null {
  return name === undefined ? null : (places.get(name) ?? name);
}

function outputText(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, MAX_OUTPUT_BYTES));
  // A line that is cut is no line.
  return bytes.length <= MAX_OUTPUT_BYTES ? text : text.slice(0, text.lastIndexOf('\n') + 1);
}

/** A code state: its list and, once in the whole bundle, every object that it names. */
export async function addCode(payload: PayloadBuilder, code: readonly BundleCodeInput[]): Promise<{ readonly snapshot: string; readonly list: string }[]> {
  const added = new Set<string>();
  const entries: { snapshot: string; list: string }[] = [];
  for (const { snapshot, list, objects } of code) {
    const place = `data/code/${snapshot}.json`;
    await payload.addFixedFile(place, list);
    entries.push({ snapshot, list: place });
    for (const { sha256, file } of objects) {
      if (added.has(sha256)) continue;
      added.add(sha256);
      await payload.addFixedFile(`data/code/objects/${sha256}`, file);
    }
  }
  return entries;
}

/** Inputs with their files, each input once. @returns the entries of the index, once the places are known */
export async function addInputs(payload: PayloadBuilder, inputs: readonly BundleInputInput[], redact: Redact): Promise<(places: ReadonlyMap<string, string>) => Record<string, unknown>[]> {
  const naming = new Naming(payload);
  const wanted = new Map<string, string>();
  const key = (input: number, path: string): string => `${input}\n${path}`;
  for (const [index, { ref, members }] of inputs.entries()) {
    for (const member of members ?? []) {
      const name = [lastPart(ref.path), member.path].filter((part) => part !== '').join('/');
      wanted.set(key(index, member.path), await naming.add(`data/inputs/${(ref.fingerprint ?? 'none').slice(0, 12)}/${name}`, member, member.file));
    }
  }
  return (places) =>
    inputs.map(({ ref, members }, index) => ({
      ...ref,
      path: redact(ref.path),
      members: members === null ? null : members.map(({ path, sha256, bytes }) => ({ path, sha256, bytes, file: placed(wanted.get(key(index, path)), places) })),
    }));
}

function lastPart(path: string): string {
  return path.split(/[\\/]+/u).findLast((part) => part !== '' && part !== '.' && part !== '..') ?? 'input';
}
