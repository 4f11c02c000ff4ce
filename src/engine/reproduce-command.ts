/** A command of a bundle, made ready to be executed here with its code and inputs, and judged. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { judgeCommandRun } from '../bundle/command-verdict';
import { codeObject } from '../bundle/check-command-run';
import type { BundleContent, CommandBundleRun } from '../bundle/model';
import { nameProblem } from '../bundle/names';
import { recordedCommandTrace } from '../bundle/recorded';
import { isJudged, type CommandTrace } from '../bundle/series';
import type { CommandConfig } from '../config/command';
import { showValue } from '../config/problems';
import { fillTask } from '../config/task';
import type { CommandManifest, InputRef } from '../events/manifest';
import type { Provenance } from '../events/provenance';
import { parseSnapshot, snapshotObjects } from '../events/snapshot';
import { captureProvenance } from '../provenance/capture';
import { fingerprintInput } from '../provenance/fingerprint';
import { listed } from '../provenance/sentences';
import { missingData } from './bundles';
import { commandEnvironmentLeaves, compareEnvironments } from './environment';
import { CommandIdentityFinder, commandManifestOf } from './commands-identity';
import { packageRoot, repriseVersion } from './package-info';
import type { Place } from './place';
import { captureAt } from './place-provenance';
import { commandHere } from './reproduce-place';
import { withProgramHere } from './reproduce-program';
import { differencesOf, type Candidate, type Judged, type Surroundings } from './reproduce-candidate';

/** The series that is shown of a run: the first to diverge, else the declared metric, else the first there is. */
function shownSeries(recorded: CommandTrace, metric: string | null, judged: Omit<Judged, 'trace'>): string {
  const divergent = judged.series.filter(({ firstDivergentStep }) => firstDivergentStep !== null).toSorted((a, b) => (a.firstDivergentStep ?? 0) - (b.firstDivergentStep ?? 0));
  const keys = [...recorded.series.keys()];
  return divergent[0]?.key ?? (metric !== null && recorded.series.has(metric) ? metric : (keys.find(isJudged) ?? keys[0] ?? ''));
}

/** Where an input of the bundle lies here: its files, put together as they were; null where the bundle has none. */
async function unpackedInput(ref: InputRef, content: BundleContent, { unpacked, work }: Surroundings): Promise<string | null> {
  const members = content.inputs.find(({ path, fingerprint }) => path === ref.path && fingerprint === ref.fingerprint)?.members ?? null;
  const [only] = members ?? [];
  if (members === null || ref.fingerprint === null) return null;
  const inBundle = (file: string): string => join(unpacked, ...file.split('/'));
  if (only?.path === '') return inBundle(only.file);
  const folder = join(work, 'inputs', ref.fingerprint);
  await mkdir(folder, { recursive: true });
  for (const { path, file } of members) {
    // A stranger's names: those that could lead elsewhere leave the input incomplete, which its fingerprint shows.
    if (nameProblem(path) !== null) continue;
    const target = join(folder, ...path.split('/'));
    await mkdir(dirname(target), { recursive: true });
    await copyFile(inBundle(file), target);
  }
  return folder;
}

/** Where the inputs lie here, by the names that the config gives them, or why they do not. */
async function locateInputs(manifest: CommandManifest, content: BundleContent, surroundings: Surroundings): Promise<Readonly<Record<string, string>> | string> {
  const found: Record<string, string> = {};
  for (const ref of manifest.inputs) {
    if (ref.fingerprint === null) continue;
    const given = surroundings.data === undefined ? [] : [join(resolve(surroundings.data), ref.path), join(resolve(surroundings.data), basename(ref.path)), resolve(surroundings.data)];
    const places = [await unpackedInput(ref, content, surroundings), ...(isAbsolute(ref.path) ? [ref.path] : given)].filter((place) => place !== null);
    let other: { readonly place: string; readonly fingerprint: string } | null = null;
    for (const place of places) {
      const { fingerprint } = await fingerprintInput(place, { cacheFolder: join(surroundings.work, 'cache') });
      if (fingerprint === ref.fingerprint) {
        found[ref.path] = place;
        break;
      }
      if (fingerprint !== null) other ??= { place, fingerprint };
    }
    if (found[ref.path] !== undefined) continue;
    return other === null ? `the input ${ref.path} was not found (fingerprint ${ref.fingerprint})` : `the input ${ref.path} at ${other.place} is not the recorded one: its fingerprint is ${other.fingerprint}, recorded was ${ref.fingerprint}`;
  }
  return found;
}

/** The code state of a run as the bundle has it: its list and every file it names, and the paths of these. */
async function codeOfRun(run: CommandBundleRun, content: BundleContent, unpacked: string): Promise<{ readonly objects: string[]; readonly paths: ReadonlySet<string> }> {
  const code = content.code.find(({ snapshot }) => snapshot === run.manifest.provenance.code?.snapshot);
  if (code === undefined) return { objects: [], paths: new Set() };
  const place = (path: string): string => join(unpacked, ...path.split('/'));
  const snapshot = parseSnapshot(await readFile(place(code.list), 'utf8'));
  return { objects: [place(code.list), ...snapshotObjects(snapshot).map((sha256) => place(codeObject(code, sha256)))], paths: new Set(snapshot.files.map(({ path }) => path)) };
}

/** What differs here, in words. An interpreter that is not there has no packages: that alone is said. */
function differencesHere({ provenance: recorded }: CommandManifest, here: Provenance, program: { readonly recorded: string; readonly here: string }): string[] {
  const known = [...commandEnvironmentLeaves(recorded)].filter(([name]) => here.python != null || !/^(?:packages|python)\.(?!version$)/u.test(name));
  const secrets = (recorded.code?.withheld ?? []).flatMap(({ path, reason }) => (reason === 'secret' ? [path] : []));
  return [
    ...(secrets.length === 0 ? [] : [`files that may hold secrets were withheld there: ${listed(secrets)}`]),
    ...(program.recorded === program.here ? [] : [`the program was ${program.recorded} and is ${program.here}`]),
    ...differencesOf(compareEnvironments(new Map(known), commandEnvironmentLeaves(here), showValue)),
  ];
}

const programOf = ({ task }: CommandConfig): string => (Array.isArray(task.command) ? (task.command[0] ?? '') : task.command.shell);

/** What this machine, or a container of it, has for the command; the code is the bundle's to tell. */
async function surroundingsHere(config: CommandConfig, place: Place | null, provenance: Provenance, folder: string): Promise<Provenance> {
  if (place !== null) return { ...(await captureAt(place, { config, code: null })), git: provenance.git, code: provenance.code ?? null };
  const task = fillTask(config);
  const here = await captureProvenance({ code: null, command: { command: Array.isArray(task.command) ? [...task.command] : config.task.command, cwd: folder, env: { ...process.env, ...task.env } }, environment: config.environment, packageRoot, repriseVersion });
  return { ...here, git: provenance.git, code: provenance.code ?? null };
}

/** @throws RepriseError BUNDLE_INVALID for a record that cannot be read */
export async function commandCandidate(run: CommandBundleRun, content: BundleContent, surroundings: Surroundings, chosen: string | null): Promise<Candidate> {
  const recorded = await recordedCommandTrace(surroundings.unpacked, run);
  const metric = run.manifest.config.selection?.metric ?? null;
  /** @param place what is not as it was where the run was: said also where the numbers are the same */
  const judgeWith = (context: { readonly asRecorded: boolean; readonly differences: readonly string[] }, place: readonly string[] = []): Candidate['judge'] => (executed, runId) => {
    const actual = runId === null ? null : (executed.commands.get(runId) ?? null);
    const judged = judgeCommandRun(recorded, actual, { ...context, tolerance: run.tolerance, metric });
    const key = shownSeries(recorded, metric, judged);
    const none = { steps: [], values: [] };
    const sentence = place.length === 0 || actual === null ? judged.sentence : `${judged.sentence} Its place was another: ${place.join('; ')}.`;
    return { ...judged, sentence, trace: { key, recorded: recorded.series.get(key) ?? none, here: actual?.series.get(key) ?? none } };
  };
  const unready = (obstacle: string): Candidate => ({ run, ready: null, obstacle, here: null, judge: judgeWith({ asRecorded: false, differences: [] }) });
  const missing = chosen ?? missingData(run, content, surroundings.data);
  if (missing !== null) return unready(missing);
  const inputs = await locateInputs(run.manifest, content, surroundings);
  if (typeof inputs === 'string') return unready(inputs);
  const code = await codeOfRun(run, content, surroundings.unpacked);
  const here = await commandHere(run.manifest);
  // In a container it is the image's own.
  const config = here.place === null ? await withProgramHere(here.config, code.paths, run.manifest.provenance.code?.folder ?? '') : here.config;
  if (typeof config === 'string') return unready([...here.differences, config].join('; '));
  const provenance = await surroundingsHere(config, here.place, run.manifest.provenance, surroundings.work);
  const identity = await new CommandIdentityFinder({ folder: surroundings.work, provenance, workspace: surroundings.work, inputs }).find(config);
  const manifest = commandManifestOf(identity, provenance, run.manifest.variant);
  return {
    run,
    ready: { manifest, objects: code.objects, origin: { folder: null, inputs: { ...inputs } } },
    obstacle: null,
    here: manifest.provenance,
    judge: judgeWith({
      asRecorded: manifest.computeHash === run.manifest.computeHash,
      differences: [...here.differences, ...differencesHere(run.manifest, manifest.provenance, { recorded: programOf(run.manifest.config), here: programOf(config) })],
    }, here.differences),
  };
}
