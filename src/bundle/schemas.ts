/** Schemas of the index of a bundle and of its tolerances. What a stranger sends is checked here before anything else looks at it. */
import { z } from 'zod';
import { metricsSchema } from '../config/metric-schema';
import { mapMetrics } from '../config/metrics';
import { RepriseError } from '../errors/errors';
import { ARTIFACT_NAMES, toLogged, type LoggedNumber, type MetricValues } from '../events/records';
import type { CommandTolerance } from './command-tolerance';
import { parseCommandManifest, parseTrainingManifest } from './manifest-schemas';
import { MAX_KEPT_FILES, type BundleContent, type BundleRun, type RunOutcome } from './model';
import { parseJson } from './parse-json';
import { bagPath, lines, loggedNumber, runId, sha256, text, time } from './schema-parts';
import { MAX_RELATIVE_DIFFERENCE, toleranceProblem, type Tolerance } from './tolerance';

const fraction = z.number().min(0).max(2);
const toleranceSchema = z.object({
  kind: z.enum(['calibrated', 'default']),
  safetyFactor: z.number().min(1).max(1000),
  floor: z.object({ relative: fraction, absolute: z.number().min(0) }),
  blockSize: z.int().min(1),
  blocks: z.array(fraction).min(1).max(10_000),
  observed: z.array(fraction).max(10_000),
  metric: z.object({ absolute: z.number().min(0), observed: fraction.nullable() }),
  reason: text(2000),
}).superRefine((tolerance, context) => {
  const problem = toleranceProblem(tolerance);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});
const commandToleranceSchema = z.object({
  kind: z.enum(['calibrated', 'default']),
  observed: z.array(z.object({ key: text(250), relative: z.number().min(0).max(MAX_RELATIVE_DIFFERENCE) })).max(10_000),
  reason: text(2000),
}).refine(({ kind, observed }) => (kind === 'calibrated') === observed.length > 0, { error: 'says that nothing was measured and what, or that something was and not what' });
const tolerancesSchema = z.object({ format: z.literal(1), runs: z.record(runId, toleranceSchema).default({}), commands: z.record(runId, commandToleranceSchema).default({}) });

const artifactPaths = z.partialRecord(z.enum(ARTIFACT_NAMES), bagPath);

const status = z.enum(['queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted']);

const trainingEntrySchema = z.object({
  kind: z.literal('training'),
  runId,
  manifest: bagPath,
  eventLog: bagPath,
  config: bagPath,
  files: artifactPaths,
  status,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  totalSteps: z.int().min(0),
  finalLoss: loggedNumber.nullable(),
  bestLoss: loggedNumber.nullable(),
  weightsHash: sha256.nullable(),
  selectedStep: z.int().min(0).nullable(),
  metrics: metricsSchema(loggedNumber).nullable(),
});

/** A file by the name that its run or input gives it. Such a name is never a place in the file system. */
const keptFile = z.object({ path: text(4096), sha256, bytes: z.number().min(0) });

const commandEntrySchema = z.object({
  kind: z.literal('command'),
  runId,
  manifest: bagPath,
  eventLog: bagPath,
  config: bagPath,
  /** What the program wrote to its output; null where nothing was kept. */
  output: bagPath.nullable(),
  /** What it kept; `file` is null where only the hash is in the bundle. */
  files: z.array(keptFile.extend({ file: bagPath.nullable() })).max(MAX_KEPT_FILES),
  /** Its metric series in the order of their names: points and the last value. */
  series: z.array(z.object({ key: text(250).min(1), points: z.int().min(1), last: loggedNumber })).max(100_000),
  status,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
});

/** Bundles written before there were other kinds name none. */
const runEntrySchema = z.preprocess(
  (value) => (typeof value === 'object' && value !== null && !('kind' in value) ? { ...value, kind: 'training' } : value),
  z.discriminatedUnion('kind', [trainingEntrySchema, commandEntrySchema]),
);

const inputSchema = z.object({
  path: text(4096).min(1),
  fingerprint: sha256.nullable(),
  bytes: z.number().min(0),
  files: z.int().min(0),
  rows: z.int().min(0).optional(),
  license: text(200),
  members: z.array(keptFile.extend({ file: bagPath })).max(MAX_KEPT_FILES).nullable(),
});

const indexSchema = z.object({
  format: z.literal(1),
  name: text(300).min(1),
  description: lines(20_000),
  license: text(200).min(1),
  createdAt: time,
  author: text(300),
  reprise: text(100),
  runs: z.array(runEntrySchema).min(1).max(10_000),
  data: z.array(z.object({ fingerprint: sha256, file: bagPath.nullable(), bytes: z.number().min(0), source: text(4000), license: text(200) })).max(10_000),
  /** Code states that commands ran in: the list of files; their bytes lie in `objects/SHA-256` beside it. */
  code: z.array(z.object({ snapshot: sha256, list: bagPath })).max(10_000).default([]),
  /** What commands read. */
  inputs: z.array(inputSchema).max(100_000).default([]),
  study: bagPath.nullable(),
  reports: z.object({ markdown: bagPath, html: bagPath }),
  tolerance: bagPath,
});

/** `data/bundle.json`: where everything is, and what the runs came to. */
export type BundleIndex = z.infer<typeof indexSchema>;
export type BundleIndexRun = BundleIndex['runs'][number];
export type TrainingIndexRun = Extract<BundleIndexRun, { kind: 'training' }>;
export type CommandIndexRun = Extract<BundleIndexRun, { kind: 'command' }>;

/** @throws RepriseError BUNDLE_INVALID with every problem */
export function parseIndex(json: string, source = 'data/bundle.json'): BundleIndex {
  return parseJson(indexSchema, json, source);
}

/** By run id. @throws RepriseError BUNDLE_INVALID */
export function parseTolerances(json: string, source = 'data/tolerance.json'): { readonly trainings: ReadonlyMap<string, Tolerance>; readonly commands: ReadonlyMap<string, CommandTolerance> } {
  const { runs, commands } = parseJson(tolerancesSchema, json, source);
  return { trainings: new Map(Object.entries(runs)), commands: new Map(Object.entries(commands)) };
}

interface LoggedOutcome extends Omit<RunOutcome, 'finalLoss' | 'bestLoss' | 'metrics'> {
  readonly finalLoss: LoggedNumber | null;
  readonly bestLoss: LoggedNumber | null;
  readonly metrics: MetricValues | null;
}

/** An outcome with NaN and infinities as JSON can hold them. */
export function toLoggedOutcome(outcome: RunOutcome): LoggedOutcome {
  const { status, startedAt, endedAt, totalSteps, finalLoss, bestLoss, weightsHash, selectedStep, metrics } = outcome;
  return {
    status,
    startedAt,
    endedAt,
    totalSteps,
    finalLoss: finalLoss === null ? null : toLogged(finalLoss),
    bestLoss: bestLoss === null ? null : toLogged(bestLoss),
    weightsHash,
    selectedStep,
    metrics: metrics === null ? null : mapMetrics(metrics, toLogged),
  };
}

function contradiction(path: string, message: string): RepriseError {
  return new RepriseError('BUNDLE_INVALID', `${path} ${message}.`, { kind: 'input', problems: [{ path, message: `${message}.` }] });
}

/** Reads and checks everything a bundle says about itself; `readText` gets paths in the bag. @throws RepriseError BUNDLE_INVALID, CONFIG_INVALID, those of `readText` */
export async function loadContent(readText: (path: string) => Promise<string>): Promise<BundleContent> {
  const index = parseIndex(await readText('data/bundle.json'));
  const tolerances = parseTolerances(await readText(index.tolerance), index.tolerance);
  const ids = new Set<string>();
  const snapshots = new Set(index.code.map(({ snapshot }) => snapshot));
  const runs: BundleRun[] = [];
  for (const entry of index.runs) {
    const { manifest: path, runId: id } = entry;
    if (ids.has(id)) throw contradiction(path, 'belongs to a run that is listed twice');
    ids.add(id);
    const text = await readText(path);
    const run = entry.kind === 'command' ? commandRun(entry, text, tolerances.commands.get(id)) : trainingRun(entry, text, tolerances.trainings.get(id));
    if (run === null) throw contradiction(path, `belongs to a run without a tolerance in ${index.tolerance}`);
    if (run.manifest.runId !== id) throw contradiction(path, `is the manifest of run ${run.manifest.runId}, not of ${id}`);
    const code = run.kind === 'command' ? (run.manifest.provenance.code?.snapshot ?? null) : null;
    if (code !== null && !snapshots.has(code)) throw contradiction(path, `names the code state ${code}, which is not in the bundle`);
    runs.push(run);
  }
  const { format: _format, reports: _reports, tolerance: _tolerance, study, ...about } = index;
  return { ...about, runs, study: study === null ? null : await readText(study) };
}

function trainingRun(entry: TrainingIndexRun, text: string, tolerance: Tolerance | undefined): BundleRun | null {
  const { manifest: path, runId: _id, config: configFile, ...rest } = entry;
  return tolerance === undefined ? null : { ...rest, configFile, manifest: parseTrainingManifest(text, path), tolerance };
}

function commandRun(entry: CommandIndexRun, text: string, tolerance: CommandTolerance | undefined): BundleRun | null {
  const { manifest: path, runId: _id, config: configFile, ...rest } = entry;
  return tolerance === undefined ? null : { ...rest, configFile, manifest: parseCommandManifest(text, path), tolerance };
}
