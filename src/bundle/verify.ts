/** Checks a bundle without running anything in it. */
import { RepriseError, type Problem } from '../errors/errors';
import { refuseExternalData } from '../onnx/external-data';
import { decodeSafetensors } from '../tensors/safetensors';
import { BAG_FILES, BAGIT_TXT, parseManifestFile, parseOxum } from './bag';
import { crateProblems } from './crate-check';
import { checkCode, checkCommandRun, checkInput } from './check-command-run';
import { checkRun, type RunFiles } from './check-run';
import { readBundleLog, readBundleRecords } from './event-log';
import { isTrainingRun, stepsOf, type BundleContent } from './model';
import { openBundle, type OpenBundle } from './open';
import { licensePage } from './spdx';
import { visibleLine } from './text';
import type { FileHashes, ZipEntry, ZipLimits } from './zip';

export interface VerifiedRun {
  readonly runId: string;
  readonly reproductionId: string;
  readonly variant: string | null;
  readonly seed: number;
  /** 0 for a command, which has no steps that anybody counts. */
  readonly totalSteps: number;
}

/** One thing that was looked at, for people. */
export interface VerificationCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, a sentence. */
  readonly found: string;
}

export interface Verification {
  /** Every hash, name and format is as it must be. Says nothing about whether the results hold. */
  readonly valid: boolean;
  /** SHA-256 (hex) of the tagmanifest: what trust is granted to. */
  readonly digest: string;
  readonly problems: readonly Problem[];
  /** What was checked, in the order in which it was. */
  readonly checks: readonly VerificationCheck[];
  /** All files, sorted by name. */
  readonly files: readonly ZipEntry[];
  /** Empty where the bundle's index cannot be read, as are the rest. */
  readonly name: string;
  readonly license: string;
  readonly runs: readonly VerifiedRun[];
  /** Everything the bundle says about itself, or null where it cannot be read. */
  readonly content: BundleContent | null;
}

/** Larger tensor files are checked by their hash only. */
const MAX_PARSED_BYTES = 2 ** 30;
const MAX_TEXT_BYTES = 256 * 2 ** 20;

function problemsOfError(error: unknown, path: string): Problem[] {
  if (error instanceof RepriseError) {
    if (error.problems.length === 0) return [{ path, message: error.message }];
    return error.problems.map((problem) => ({ path: problem.path.includes(path) ? problem.path : `${path}: ${problem.path}`, message: problem.message }));
  }
  return [{ path, message: error instanceof Error ? error.message : String(error) }];
}

/** Runs a check whose failure is a finding. */
async function attempt<T>(problems: Problem[], path: string, check: () => Promise<T>): Promise<T | null> {
  try {
    return await check();
  } catch (error) {
    problems.push(...problemsOfError(error, path));
    return null;
  }
}

/** Hashes of all files; one that cannot be read is a problem and left out. */
async function hashAll(bundle: OpenBundle, problems: Problem[]): Promise<Map<string, FileHashes>> {
  const hashes = new Map<string, FileHashes>();
  for (const { name } of bundle.entries) {
    const found = await attempt(problems, name, () => bundle.zip.hash(name));
    if (found !== null) hashes.set(name, found);
  }
  return hashes;
}

function compareManifest(source: string, listed: ReadonlyMap<string, string>, bundle: OpenBundle, hashes: ReadonlyMap<string, FileHashes>, problems: Problem[]): void {
  for (const [name, expected] of listed) {
    if (!bundle.zip.has(name)) problems.push({ path: name, message: `is listed in ${source} and not in the bundle.` });
    else {
      const found = hashes.get(name);
      if (found !== undefined && found.sha512 !== expected) problems.push({ path: name, message: `has another SHA-512 than ${source} says: the file was altered or damaged.` });
    }
  }
}

async function checkBag(bundle: OpenBundle, hashes: ReadonlyMap<string, FileHashes>, problems: Problem[]): Promise<void> {
  const manifests: ReadonlyMap<string, string>[] = [];
  for (const source of [BAG_FILES.tagManifest, BAG_FILES.manifest]) {
    const parsed = await attempt(problems, source, async () => parseManifestFile(await bundle.zip.readText(source, MAX_TEXT_BYTES)));
    for (const message of parsed?.problems ?? []) problems.push({ path: source, message });
    compareManifest(source, parsed?.hashes ?? new Map(), bundle, hashes, problems);
    manifests.push(parsed?.hashes ?? new Map());
  }
  const [tags, payload] = manifests;
  for (const { name } of bundle.entries) {
    const isPayload = name.startsWith('data/');
    const listed = isPayload ? payload?.has(name) : name === BAG_FILES.tagManifest || tags?.has(name);
    if (listed !== true) problems.push({ path: name, message: `is in the bundle and not in ${isPayload ? BAG_FILES.manifest : BAG_FILES.tagManifest}.` });
  }
  for (const name of payload?.keys() ?? []) {
    if (!name.startsWith('data/')) problems.push({ path: BAG_FILES.manifest, message: `lists ${name}, which is not payload.` });
  }
  const declaration = await attempt(problems, BAG_FILES.declaration, () => bundle.zip.readText(BAG_FILES.declaration, MAX_TEXT_BYTES));
  if (declaration !== null && declaration !== BAGIT_TXT) problems.push({ path: BAG_FILES.declaration, message: 'does not declare BagIt 1.0 in UTF-8.' });
  await checkOxum(bundle, problems);
}

async function checkOxum(bundle: OpenBundle, problems: Problem[]): Promise<void> {
  const path = BAG_FILES.info;
  if (!bundle.zip.has(path)) {
    problems.push({ path, message: 'is missing.' });
    return;
  }
  const info = await attempt(problems, path, () => bundle.zip.readText(path, MAX_TEXT_BYTES));
  if (info === null) return;
  const stated = parseOxum(info);
  const payload = bundle.entries.filter(({ name }) => name.startsWith('data/'));
  const bytes = payload.reduce((sum, entry) => sum + entry.bytes, 0);
  if (stated === null) problems.push({ path, message: 'has no Payload-Oxum.' });
  else if (stated.bytes !== bytes || stated.files !== payload.length) {
    problems.push({ path, message: `states ${stated.bytes} bytes in ${stated.files} files of payload; there are ${bytes} in ${payload.length}.` });
  }
}

/** Every tensor and graph file is parsed, whatever role it plays. */
async function checkFormats(bundle: OpenBundle, problems: Problem[]): Promise<void> {
  for (const { name, bytes } of bundle.entries) {
    if (bytes > MAX_PARSED_BYTES) continue;
    if (name.endsWith('.safetensors')) await attempt(problems, name, async () => void decodeSafetensors(await bundle.zip.read(name, MAX_PARSED_BYTES)));
    if (name.endsWith('.onnx')) await attempt(problems, name, async () => refuseExternalData(await bundle.zip.read(name, MAX_PARSED_BYTES)));
  }
}

async function checkRuns(bundle: OpenBundle, content: BundleContent, hashes: ReadonlyMap<string, FileHashes>, problems: Problem[]): Promise<void> {
  const present = (path: string | null | undefined): void => {
    if (path != null && !bundle.zip.has(path)) problems.push({ path, message: 'is named in data/bundle.json and not in the bundle.' });
  };
  const files: RunFiles = {
    sha256: (path) => hashes.get(path)?.sha256,
    readText: (path) => bundle.zip.readText(path, MAX_TEXT_BYTES),
    read: async (path) => ((hashes.get(path)?.bytes ?? Number.POSITIVE_INFINITY) > MAX_PARSED_BYTES ? null : bundle.zip.read(path, MAX_PARSED_BYTES)),
    attempt: async (path, check) => void (await attempt(problems, path, check)),
  };
  for (const run of content.runs) {
    present(run.configFile);
    if (run.kind === 'command') {
      for (const { file } of run.files) present(file);
      present(run.output);
      const records = await attempt(problems, run.eventLog, async () => readBundleRecords(await bundle.zip.read(run.eventLog, MAX_TEXT_BYTES), run.eventLog));
      if (records !== null) await attempt(problems, run.eventLog, () => checkCommandRun(run, records, content, files, problems));
      continue;
    }
    for (const path of Object.values(run.files)) present(path);
    const log = await attempt(problems, run.eventLog, async () => readBundleLog(await bundle.zip.read(run.eventLog, MAX_TEXT_BYTES), run.eventLog));
    if (log === null) continue;
    await checkRun(run, log, files, problems);
  }
  for (const data of content.data) {
    present(data.file);
    const found = data.file === null ? undefined : hashes.get(data.file);
    if (data.file !== null && found !== undefined && found.sha256 !== data.fingerprint) problems.push({ path: data.file, message: `is not the data with the fingerprint ${data.fingerprint}.` });
  }
  const known = new Set(content.data.map((data) => data.fingerprint));
  for (const { manifest } of content.runs.filter(isTrainingRun)) {
    if (!known.has(manifest.data.fingerprint)) problems.push({ path: 'data/bundle.json', message: `does not describe the data of run ${manifest.runId}.` });
  }
  for (const code of content.code) await checkCode(code, files, problems);
  for (const input of content.inputs) checkInput(input, files, problems);
}

function rootLicense(text: string): string {
  try {
    const graph = (JSON.parse(text) as { '@graph'?: Record<string, unknown>[] })['@graph'] ?? [];
    const license = graph.find((entity) => entity['@id'] === './')?.['license'];
    return typeof license === 'string' ? license : String((license as { '@id'?: unknown } | undefined)?.['@id'] ?? '');
  } catch {
    return '';
  }
}

async function checkCrate(bundle: OpenBundle, content: BundleContent | null, problems: Problem[]): Promise<void> {
  const path = 'data/ro-crate-metadata.json';
  const text = await attempt(problems, path, () => bundle.zip.readText(path, MAX_TEXT_BYTES));
  if (text === null) return;
  const payload = new Set(bundle.entries.flatMap(({ name }) => (name.startsWith('data/') ? [name.slice('data/'.length)] : [])));
  problems.push(...crateProblems(text, payload));
  const license = rootLicense(text);
  if (content !== null && license !== '' && license !== (licensePage(content.license) ?? content.license)) {
    problems.push({ path, message: `states the licence ${license}, data/bundle.json ${content.license}.` });
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** One problem a path and message, which may quote the bundle and must not be able to forge other lines. */
function distinct(problems: readonly Problem[]): Problem[] {
  const clean = problems.map(({ path, message }) => ({ path: visibleLine(path), message: visibleLine(message) }));
  return [...new Map(clean.map((problem) => [`${problem.path}\n${problem.message}`, problem])).values()];
}

/**
 * Checks a bundle: safe listing, every hash in both directions, Payload-Oxum, crate metadata, run
 * manifests, tolerances, event logs, tensor files, and that no ONNX file reaches outside itself.
 * Executes nothing and writes nothing.
 * @returns what was found; wrong content is `valid: false` with the files named
 * @throws RepriseError of kind `input` for a file that is no bundle at all: those of `openBundle`
 */
export async function verifyBundle(file: string, limits?: ZipLimits): Promise<Verification> {
  const bundle = await openBundle(file, limits);
  try {
    const problems: Problem[] = [];
    const checks: VerificationCheck[] = [{ name: 'Names and sizes', ok: true, found: `${counted(bundle.entries.length, 'file')}, none of which reaches outside the bundle.` }];
    const check = async <T>(name: string, fine: (result: T) => string, work: () => Promise<T>): Promise<T> => {
      const before = problems.length;
      const result = await work();
      const wrong = distinct(problems.slice(before)).length;
      checks.push({ name, ok: wrong === 0, found: wrong === 0 ? fine(result) : `${counted(wrong, 'problem')}.` });
      return result;
    };
    const hashes = await check('Hashes', (all) => `${counted(all.size, 'file')} with the SHA-512 in the manifests, none missing, none added.`, async () => {
      const all = await hashAll(bundle, problems);
      await checkBag(bundle, all, problems);
      return all;
    });
    await check('Tensors and graphs', () => 'Every one can be read; no ONNX file refers to another file.', () => checkFormats(bundle, problems));
    const content = await check('Index and run records', (found) => `${counted(found?.runs.length ?? 0, 'run')}; index, config, event log, hash chain and files of each agree.`, async () => {
      const found = await attempt(problems, 'data/bundle.json', () => bundle.content());
      if (found !== null) await checkRuns(bundle, found, hashes, problems);
      return found;
    });
    await check('Crate metadata', () => 'The RO-Crate metadata describe the files that are there.', () => checkCrate(bundle, content, problems));
    return {
      valid: problems.length === 0,
      digest: bundle.digest,
      problems: distinct(problems),
      checks,
      files: bundle.entries,
      name: content?.name ?? '',
      license: content?.license ?? '',
      runs: (content?.runs ?? []).map((run) => ({
        runId: run.manifest.runId,
        reproductionId: run.manifest.reproductionId,
        variant: run.manifest.variant?.variant ?? null,
        seed: run.manifest.config.seed,
        totalSteps: stepsOf(run),
      })),
      content,
    };
  } finally {
    bundle.close();
  }
}
