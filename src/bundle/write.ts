/** Writes a bundle: a BagIt bag whose payload is a Process Run Crate, as one zip file. */
import { link, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import REPLAY from '../../resources/replay.py?raw';
import { formatYaml } from '../config/yaml';
import { refuseCancelled } from '../errors/cancelled';
import { RepriseError } from '../errors/errors';
import { ARTIFACT_NAMES } from '../events/records';
import { ARTIFACT_FILES, type CommandManifest, type TrainingManifest } from '../events/manifest';
import { syncFolder, temporaryName } from '../files/atomic-write';
import { fileExists, refuseTarget } from '../files/targets';
import { BAG_FILES, BAGIT_TXT, bundleDigest, formatInfo, formatManifest } from './bag';
import { crateMetadata } from './crate';
import { redactLog } from './event-log';
import { parseTrainingManifest } from './manifest-schemas';
import type { BundleInput, BundleRunInput, TrainingRunInput, WriteOptions, WrittenBundle } from './model';
import { hashBytes, PayloadBuilder, type PayloadEntry } from './payload';
import { createRedact, dataFolders, machineBeside, redactManifest, type Redact } from './redact';
import { RERUN_SCRIPT } from './rerun-script';
import { reproduceText, type RunLine } from './reproduce-text';
import { parseIndex, parseTolerances, toLoggedOutcome, type BundleIndex } from './schemas';
import { checkLicense } from './spdx';
import { visible, visibleLine } from './text';
import { addCode, addCommandRun, addInputs } from './write-command';
import { writeZip } from './zip-writer';

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function checkInput(input: BundleInput): void {
  const fail = (message: string): never => {
    throw new RepriseError('BUNDLE_INPUT', message, { kind: 'input' });
  };
  if (input.runs.length === 0) fail(`There is no run to export under "${input.name}".`);
  const ids = new Set<string>();
  const data = new Set(input.data.map(({ ref }) => ref.fingerprint));
  const code = new Set(input.code?.map(({ snapshot }) => snapshot));
  for (const run of input.runs) {
    const { runId } = run.manifest;
    if (ids.has(runId)) fail(`Run ${runId} is to be exported twice.`);
    ids.add(runId);
    if (run.kind === 'command') {
      const snapshot = run.manifest.provenance.code?.snapshot;
      if (snapshot !== undefined && !code.has(snapshot)) fail(`Run ${runId} ran in the code state ${snapshot}, which is not given.`);
    } else if (!data.has(run.manifest.data.fingerprint)) fail(`Run ${runId} trained on data ${run.manifest.data.fingerprint}, which is not described.`);
  }
}

function runFolder(run: BundleRunInput): string {
  return `data/runs/${run.manifest.runId}`;
}

/** The parts of a training that are stored under its own names, redacted. Answers the manifest as written. */
async function addTraining(payload: PayloadBuilder, run: TrainingRunInput, redact: Redact): Promise<TrainingManifest> {
  const folder = runFolder(run);
  const text = json(redactManifest(run.manifest, redact));
  const manifest = parseTrainingManifest(text, `run ${run.manifest.runId}`);
  payload.addBytes(`${folder}/run.json`, text);
  payload.addBytes(`${folder}/config.yaml`, formatYaml(manifest.config));
  let log: Uint8Array;
  try {
    log = await readFile(run.eventLog);
  } catch (error) {
    throw new RepriseError('BUNDLE_SOURCE_MISSING', `${run.eventLog} cannot be read, so the bundle cannot be made.`, { kind: 'system', hint: '`reprise workspace check` tells what else is missing.', cause: error });
  }
  payload.addBytes(`${folder}/events.log`, redactLog(log, redact) ?? log);
  for (const name of ARTIFACT_NAMES) {
    const file = run.files[name];
    if (file !== undefined) await payload.addFile(`${folder}/${ARTIFACT_FILES[name]}`, file);
  }
  return manifest;
}

/** Puts the data in, and answers which sets were left out. */
async function addData(payload: PayloadBuilder, input: BundleInput): Promise<Set<string>> {
  const omitted = new Set<string>();
  const limit = input.maxDataBytes ?? Number.POSITIVE_INFINITY;
  for (const { ref, file } of input.data) {
    if (file === null) {
      omitted.add(ref.fingerprint);
      continue;
    }
    const found = await stat(file).catch((error: unknown) => {
      throw new RepriseError('BUNDLE_SOURCE_MISSING', `The prepared data ${file} cannot be read.`, { kind: 'system', hint: 'Export without data, or prepare it again by a run.', cause: error });
    });
    if (found.size > limit) omitted.add(ref.fingerprint);
    else await payload.addFixedFile(`data/datasets/${ref.fingerprint}.safetensors`, file);
  }
  return omitted;
}

type Entry = (places: ReadonlyMap<string, string>) => Record<string, unknown>;

function trainingEntry(run: TrainingRunInput, places: ReadonlyMap<string, string>): Record<string, unknown> {
  const folder = runFolder(run);
  const files = Object.fromEntries(
    ARTIFACT_NAMES.flatMap((name) => {
      const place = places.get(`${folder}/${ARTIFACT_FILES[name]}`);
      return place === undefined ? [] : [[name, place]];
    }),
  );
  return { runId: run.manifest.runId, manifest: `${folder}/run.json`, eventLog: `${folder}/events.log`, config: `${folder}/config.yaml`, files, ...toLoggedOutcome(run) };
}

function runLine(manifest: TrainingManifest | CommandManifest): RunLine {
  const about = { runId: manifest.runId, reproductionId: manifest.reproductionId, variant: manifest.variant?.variant ?? null, seed: manifest.config.seed };
  if (manifest.kind === 'command') {
    const { os, cpu } = manifest.provenance;
    return { ...about, runtime: `${os.platform}-${os.arch}, ${cpu.model}` };
  }
  const { runtime } = manifest;
  return {
    ...about,
    runtime: `ONNX Runtime ${runtime.onnxruntime} (${runtime.executionProvider}), ${runtime.threads} thread${runtime.threads === 1 ? '' : 's'}, ${runtime.platform}-${runtime.arch} ${runtime.cpuFlags.join(' ')}`.trim(),
  };
}

interface IndexParts {
  readonly runs: readonly Record<string, unknown>[];
  readonly code: readonly unknown[];
  readonly inputs: readonly unknown[];
  readonly omitted: ReadonlySet<string>;
}

function indexText(input: BundleInput, license: string, redact: Redact, { runs, code, inputs, omitted }: IndexParts): string {
  return json({
    format: 1,
    name: input.name,
    description: visible(redact(input.description)),
    license,
    createdAt: input.createdAt,
    author: visibleLine(redact(input.author)),
    reprise: input.reprise,
    runs,
    data: input.data.map(({ ref }) => ({
      fingerprint: ref.fingerprint,
      file: omitted.has(ref.fingerprint) ? null : `data/datasets/${ref.fingerprint}.safetensors`,
      bytes: ref.bytes,
      source: visibleLine(redact(ref.source)),
      license: ref.license,
    })),
    ...(code.length === 0 ? {} : { code }),
    ...(inputs.length === 0 ? {} : { inputs }),
    study: input.study === null ? null : 'data/study.yaml',
    reports: { markdown: 'data/report.md', html: 'data/report.html' },
    tolerance: 'data/tolerance.json',
  });
}

/** SHA-256 of the author's files by the fingerprint of the data made from them. */
function sourceHashes(input: BundleInput): Map<string, string> {
  return new Map(input.data.flatMap(({ ref }) => (ref.sourceSha256 === undefined ? [] : [[ref.fingerprint, ref.sourceSha256]])));
}

interface Content {
  readonly payload: readonly PayloadEntry[];
  readonly index: BundleIndex;
  readonly omitted: ReadonlySet<string>;
}

async function addRun(payload: PayloadBuilder, run: BundleRunInput, redact: Redact): Promise<{ readonly manifest: TrainingManifest | CommandManifest; readonly entry: Entry }> {
  if (run.kind === 'command') return addCommandRun(payload, run, redact);
  const manifest = await addTraining(payload, run, redact);
  return { manifest, entry: (places) => trainingEntry(run, places) };
}

async function collect(input: BundleInput, outFile: string, signal: AbortSignal | undefined): Promise<Content> {
  const license = checkLicense(input.license);
  checkInput(input);
  const trainings = input.runs.filter((run): run is TrainingRunInput => run.kind !== 'command');
  const inputManifests = trainings.map(({ manifest }) => manifest);
  const privatePaths = [...(input.privatePaths ?? []), ...dataFolders(inputManifests)];
  const scrub: Redact = input.scrub ?? ((text) => text);
  const withoutPaths = createRedact(privatePaths);
  const redact: Redact = (text, name) => scrub(withoutPaths(text), name);
  const payload = new PayloadBuilder();
  const manifests = new Map<string, TrainingManifest | CommandManifest>();
  const entries: Entry[] = [];
  for (const run of input.runs) {
    refuseCancelled(signal);
    const added = await addRun(payload, run, redact);
    manifests.set(run.manifest.runId, added.manifest);
    entries.push(added.entry);
  }
  const omitted = await addData(payload, input);
  const code = await addCode(payload, input.code ?? []);
  const inputEntries = await addInputs(payload, input.inputs ?? [], redact);
  const places = payload.places();
  const text = indexText(input, license, redact, { runs: entries.map((entry) => entry(places)), code, inputs: inputEntries(places), omitted });
  const index = parseIndex(text);
  payload.addBytes('data/bundle.json', text);
  const commands = input.runs.filter((run) => run.kind === 'command');
  const tolerancesOf = (runs: readonly BundleRunInput[]): Record<string, unknown> => Object.fromEntries(runs.map((run) => [run.manifest.runId, run.tolerance]));
  const tolerances = json({ format: 1, runs: tolerancesOf(trainings), ...(commands.length === 0 ? {} : { commands: tolerancesOf(commands) }) });
  parseTolerances(tolerances);
  payload.addBytes('data/tolerance.json', tolerances);
  // These repeat settings of the runs, which a machine called "mnist" or "linux" must not change.
  const documentWithoutPaths = createRedact(privatePaths, machineBeside(inputManifests));
  const redactDocument: Redact = (document) => scrub(documentWithoutPaths(document));
  if (input.study !== null) payload.addBytes('data/study.yaml', redactDocument(input.study));
  payload.addBytes('data/report.md', redactDocument(input.report.markdown));
  payload.addBytes('data/report.html', redactDocument(input.report.html));
  payload.addBytes('data/REPRODUCE.md', reproduceText(index, [...manifests.values()].map(runLine), sourceHashes(input), outFile));
  if (trainings.length > 0) payload.addBytes('data/replay.py', REPLAY);
  if (commands.length > 0) payload.addBytes('data/rerun.py', RERUN_SCRIPT);
  payload.addBytes('data/ro-crate-metadata.json', json(crateMetadata(index, manifests, payload.entries())));
  return { payload: payload.entries(), index, omitted };
}

/** The tag files around a payload. */
function tagEntries(index: BundleIndex, payload: readonly PayloadEntry[]): { readonly entries: readonly PayloadEntry[]; readonly digest: string } {
  const bytes = payload.reduce((sum, entry) => sum + entry.bytes, 0);
  const info = formatInfo([
    ['Bag-Software-Agent', `Reprise ${index.reprise}`],
    ['Bagging-Date', new Date(index.createdAt).toISOString().slice(0, 10)],
    ['External-Description', index.description === '' ? index.name : index.description],
    ['Payload-Oxum', `${bytes}.${payload.length}`],
  ]);
  const tags: [string, string][] = [
    [BAG_FILES.info, info],
    [BAG_FILES.declaration, BAGIT_TXT],
    [BAG_FILES.manifest, formatManifest(new Map(payload.map((entry) => [entry.path, entry.sha512])))],
  ];
  const entry = ([path, text]: [string, string]): PayloadEntry => {
    const data = new TextEncoder().encode(text);
    return { path, source: { bytes: data }, ...hashBytes(data) };
  };
  const covered = tags.map(entry);
  const tagManifest = entry([BAG_FILES.tagManifest, formatManifest(new Map(covered.map((tag) => [tag.path, tag.sha512])))]);
  const digest = bundleDigest('bytes' in tagManifest.source ? tagManifest.source.bytes : new Uint8Array());
  return { entries: [...covered, tagManifest], digest };
}

/** Puts the finished file in its place; `link` fails where a plain rename would replace another's file. */
async function putInPlace(temporary: string, outFile: string, overwrite: boolean): Promise<void> {
  if (!overwrite) {
    try {
      await link(temporary, outFile);
      await rm(temporary);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw fileExists(outFile);
      // Some file systems know no hard links.
      refuseTarget(outFile, false);
    }
  }
  await rename(temporary, outFile);
}

/**
 * Exports runs as `NAME.crate.zip`. The same input gives the same bytes on the same runtime (and the
 * same digest anywhere). Nothing is left behind when it fails.
 * @throws RepriseError CANCELLED, BUNDLE_LICENSE, BUNDLE_INPUT, BUNDLE_SOURCE_MISSING, BUNDLE_SOURCE_CHANGED, and those of `refuseTarget`
 */
export async function writeBundle(input: BundleInput, outFile: string, options: WriteOptions = {}): Promise<WrittenBundle> {
  const overwrite = options.overwrite ?? false;
  refuseTarget(outFile, overwrite);
  const { payload, index, omitted } = await collect(input, outFile, options.signal);
  const tags = tagEntries(index, payload);
  const entries = [...tags.entries, ...payload].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  let done = 0;
  const temporary = temporaryName(outFile);
  try {
    await writeZip(temporary, entries, (count) => {
      done += count;
      options.onProgress?.(done, total);
    }, options.signal);
    refuseCancelled(options.signal);
    const { size } = await stat(temporary);
    await putInPlace(temporary, outFile, overwrite);
    await syncFolder(dirname(outFile));
    return { file: outFile, digest: tags.digest, bytes: size, omittedData: [...omitted] };
  } catch (error) {
    await rm(temporary, { force: true });
    refuseCancelled(options.signal);
    throw error;
  }
}
