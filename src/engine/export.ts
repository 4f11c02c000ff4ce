/** Use case: export an experiment or a run as a reproduction bundle. */
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Input, Output } from '../api/contract';
import { defaultCommandTolerance, type CommandTolerance } from '../bundle/command-tolerance';
import type { BundleDataInput, BundleRunInput, TrainingRunInput } from '../bundle/model';
import { checkLicense } from '../bundle/spdx';
import { calibrate, defaultTolerance, type Tolerance } from '../bundle/tolerance';
import { writeBundle } from '../bundle/write';
import { parseStudy } from '../ablation/study';
import { variantHash } from '../config/hash';
import { parseYaml } from '../config/yaml';
import { RepriseError } from '../errors/errors';
import { RUN_FILES, type TrainingManifest, type VariantRef } from '../events/manifest';
import type { ArtifactName } from '../events/records';
import { objectPath } from '../files/objects';
import { refuseTarget } from '../files/targets';
import type { RunRow, Store } from '../store/types';
import { executeApart, traceOf } from './apart';
import type { EngineContext } from './context';
import { codeInputs, commandInput, commandManifestOfRun, inputInputs, measureCommands, SMALL_INPUT_BYTES } from './export-commands';
import { newId } from './identity';
import { repriseVersion } from './package-info';
import { refuseCancelled } from '../errors/cancelled';
import { withInlineCode } from '../provenance/inline';
import { redactNamed, redactText } from '../provenance/secrets';
import { buildReport } from './reports';
import { renderHtml } from '../report/html';
import { renderMarkdown } from '../report/markdown';
import { testMetrics } from './results';
import { chooseExportable, variantNames, type Target } from './target';
import type { TaskHandle } from './tasks';

/** Larger data sets are left out of a bundle; it then states their fingerprint and source. */
export const MAX_DATA_BYTES = 512 * 1024 * 1024;

/**
 * One measured tolerance a variant: its first finished run is trained again with the last bit of one initial
 * weight flipped, where it was trained, and the others of the variant share what that shows.
 */
async function measureTolerances(context: EngineContext, runs: readonly RunRow[], handle: TaskHandle): Promise<Map<string, Tolerance>> {
  const { store } = context;
  const first = new Map<string, TrainingManifest>();
  for (const run of runs.filter(({ kind }) => kind === 'training')) {
    const manifest = store.trainingManifest(run.runId);
    const key = variantHash(manifest.config);
    if (run.status === 'finished' && !first.has(key)) first.set(key, manifest);
  }
  const originals = [...first.values()];
  if (originals.length === 0) return new Map();
  context.emit('progress', { task: 'calibrate', done: 0, total: originals.length, text: `Measuring the tolerance: ${originals.length} re-run${originals.length === 1 ? '' : 's'} with one bit of the initial weights flipped…` });
  const perturbed = originals.map((manifest): TrainingManifest => ({ ...manifest, runId: newId(), createdAt: Date.now(), perturbInit: true }));
  const finished = new Set<string>();
  const totalSteps = originals.reduce((sum, { runId }) => sum + (store.getRun(runId).totalSteps ?? 0), 0);
  const stepsDone = new Map<string, number>();
  const tell = (): void => handle.report([...stepsDone.values()].reduce((sum, done) => sum + done, 0), totalSteps, `Measuring the tolerance: ${finished.size} of ${originals.length} re-runs done`);
  tell();
  const { trainings } = await executeApart({
    root: context.workspace,
    spawn: context.spawn,
    cores: context.budget,
    machines: context.workspace,
    runs: perturbed.map((manifest) => ({ manifest, objects: [manifest.data.fingerprint, ...(manifest.model === undefined ? [] : [manifest.model.sha256])].map((sha256) => objectPath(context.workspace, sha256)) })),
    signal: handle.signal,
    onRun: (row) => {
      stepsDone.set(row.runId, row.stepsDone);
      tell();
      if (row.status !== 'finished' || finished.has(row.runId)) return;
      finished.add(row.runId);
      context.emit('progress', { task: 'calibrate', done: finished.size, total: originals.length, text: `  ${finished.size} of ${originals.length}: ${row.variant ?? row.experiment}` });
    },
  });
  const tolerances = new Map<string, Tolerance>();
  for (const [index, key] of [...first.keys()].entries()) {
    const original = originals[index] as TrainingManifest;
    const recorded = traceOf(store, original.runId);
    const other = trainings.get(perturbed[index]?.runId ?? '');
    const { metric } = original.config.selection;
    tolerances.set(key, calibrate(recorded.losses, other?.losses ?? [], recorded.metrics?.[metric] ?? Number.NaN, other?.metrics?.[metric] ?? Number.NaN, metric));
  }
  return tolerances;
}

async function trainingInput(store: Store, run: RunRow, variant: VariantRef | null, tolerance: Tolerance): Promise<TrainingRunInput> {
  // A run that another study made goes by the name it has in this one.
  const recorded = store.trainingManifest(run.runId);
  // In a bundle there is no object store: patch and small files stand in the record itself.
  const manifest = { ...recorded, provenance: await withInlineCode(store.workspace, recorded.provenance), ...(variant === null ? {} : { variant }) };
  const files: Partial<Record<ArtifactName, string>> = {};
  for (const artifact of store.artifacts(run.runId)) files[artifact.name] = store.objectPath(artifact.sha256);
  return {
    manifest,
    status: run.status,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    totalSteps: run.totalSteps ?? 0,
    finalLoss: run.finalLoss,
    bestLoss: run.bestLoss,
    weightsHash: run.weightsHash,
    selectedStep: run.selectedStep,
    metrics: testMetrics(store, run),
    files,
    eventLog: join(store.runFolder(run.runId), RUN_FILES.events),
    tolerance,
  };
}

/** Whether a run is not at its end yet: it holds an export up. */
export function isUnfinished({ status }: RunRow): boolean {
  return status === 'queued' || status === 'running' || status === 'interrupted';
}

/** @throws RepriseError TARGET_NOT_FOUND, RUN_LOGGED, NOTHING_TO_EXPORT, RUNS_UNFINISHED, FILE_EXISTS, LICENSE_…, CANCELLED and those of writing */
export async function exportBundle(context: EngineContext, input: Input<'bundle.export'>): Promise<Output<'bundle.export'>> {
  const { store } = context;
  const out = resolve(input.out);
  // All that can be refused is refused before anything is measured.
  refuseTarget(out, input.overwrite === true);
  const license = checkLicense(input.license);
  const { target, leftOut } = chooseExportable(store, input.target);
  const unfinished = target.runs.filter((run) => isUnfinished(run));
  if (unfinished.length > 0) {
    throw new RepriseError('RUNS_UNFINISHED', `${unfinished.length} of ${target.runs.length} runs of ${JSON.stringify(target.name)} are not at their end (${unfinished[0]?.runId} is ${unfinished[0]?.status}).`, {
      kind: 'input',
      hint: 'Let them finish (`reprise resume`) or cancel them, then export.',
    });
  }
  if (!target.runs.some((run) => run.status === 'finished')) {
    throw new RepriseError('NOTHING_TO_EXPORT', `${JSON.stringify(target.name)} has no finished run (${target.runs[0]?.runId ?? 'none'} is ${target.runs[0]?.status ?? 'not there'}): there is no result to reproduce.`, { kind: 'input' });
  }
  const written = await context.tasks.run({ id: input.task, kind: 'export', subject: input.target, title: `Export ${target.name}` }, (handle) => exportTarget(context, target, { ...input, out, license }, handle), ({ file }) => file);
  return { ...written, leftOut: leftOut.map(({ runId, name }) => ({ run: runId, name })) };
}

async function exportTarget(context: EngineContext, target: Target, input: Input<'bundle.export'>, handle: TaskHandle): Promise<Omit<Output<'bundle.export'>, 'leftOut'>> {
  const { store } = context;
  const measured = input.calibrate === false ? new Map<string, Tolerance>() : await measureTolerances(context, target.runs, handle);
  // A command may take hours, and costs its author's machine: it is executed again only when asked for.
  const measuredCommands = input.calibrate === true ? await measureCommands(context, target.runs, handle) : new Map<string, CommandTolerance>();
  const noMeasure = input.calibrate === false ? 'Not calibrated: the author chose not to.' : 'Not calibrated: the variant has no finished run.';
  const names = variantNames(target.arrangement);
  const studyId = target.arrangement?.studyId ?? null;
  const placeOf = (run: RunRow): VariantRef | null => (studyId === null ? null : { studyId, variant: names.get(run.runId) ?? 'baseline' });
  handle.report(0, null, 'Collecting files…');
  const runs: BundleRunInput[] = [];
  for (const run of target.runs) {
    refuseCancelled(handle.signal);
    const command = commandManifestOfRun(store, run.runId);
    if (command === null) runs.push(await trainingInput(store, run, placeOf(run), measured.get(variantHash(store.trainingManifest(run.runId).config)) ?? defaultTolerance(noMeasure)));
    else runs.push(await commandInput(store, run, placeOf(run), measuredCommands.get(variantHash(command.config)) ?? defaultCommandTolerance(input.calibrate === true ? noMeasure : 'Not calibrated: the author did not ask for a re-execution.'), MAX_DATA_BYTES));
  }
  const data = new Map<string, BundleDataInput>();
  for (const { manifest } of runs.filter((run) => run.kind !== 'command')) {
    data.set(manifest.data.fingerprint, { ref: manifest.data, file: input.includeData === false ? null : objectPath(context.workspace, manifest.data.fingerprint) });
  }
  const commands = runs.filter((run) => run.kind === 'command').map(({ manifest }) => manifest);
  const mostInput = input.includeData === undefined ? SMALL_INPUT_BYTES : input.includeData ? MAX_DATA_BYTES : -1;
  const createdAt = Date.now();
  const report = await buildReport(store, target, { generatedAt: createdAt, bundle: basename(input.out) });
  const config = runs[0]?.manifest.config;
  const description = target.source === null ? config?.description : parseStudy(parseYaml(target.source, 'study')).description || config?.description;
  const written = await writeBundle(
    {
      name: target.name,
      description: description === undefined || description === '' ? `Runs of ${target.name}, made with Reprise ${repriseVersion}.` : description,
      license: input.license,
      createdAt,
      author: config?.author ?? '',
      reprise: repriseVersion,
      runs,
      data: [...data.values()],
      code: await codeInputs(store, commands),
      inputs: await inputInputs(store, commands, mostInput),
      scrub: (text, name) => (name === undefined ? redactText(text) : redactNamed(name, text)),
      maxDataBytes: MAX_DATA_BYTES,
      study: target.source,
      report: { markdown: renderMarkdown(report), html: renderHtml(report) },
      privatePaths: [context.workspace, homedir()],
    },
    input.out,
    {
      overwrite: input.overwrite === true,
      signal: handle.signal,
      onProgress: (done, total) => handle.report(done, total, `Writing ${(total / 1e6).toFixed(1)} MB`),
    },
  );
  return { file: written.file, digest: written.digest, bytes: written.bytes, runs: runs.length };
}
