/** Schemas of the JSON files in a bundle. What a stranger sends is checked here before anything else looks at it. */
import { z } from 'zod';
import { parseTrainingConfig } from '../config/parse';
import { formatPath } from '../config/problems';
import type { Config } from '../config/schema';
import { RepriseError, type Problem } from '../errors/errors';
import { toLogged, type LoggedNumber } from '../events/records';
import type { TrainingManifest } from '../events/manifest';
import { nameProblem } from './names';
import type { BundleContent, BundleData, RunOutcome } from './model';
import { hasControls, visibleLine } from './text';
import { toleranceProblem, type Tolerance } from './tolerance';

const runtimeSchema = z.object({
  trainer: z.int().min(1),
  onnxruntime: text(100),
  executionProvider: z.literal('cpu'),
  optimizationLevel: z.literal('all'),
  threads: z.int().min(1).max(256),
  platform: text(50),
  arch: text(50),
  cpuFlags: z.array(text(50)).max(500),
});

const manifestSchema = z.object({
  format: z.literal(1),
  runId,
  reproductionId: text(400).min(1),
  experiment: text(200).min(1),
  variant: z.object({ studyId: text(200), variant: text(2000) }).nullable(),
  /** Checked by the config room, whose messages are better. */
  config: z.unknown(),
  configHash: sha256,
  computeHash: sha256,
  runtime: runtimeSchema,
  data: z.object({ fingerprint: sha256, file: safePath, bytes: z.number().min(0), source: text(4000), license: text(200), sourceSha256: sha256.optional() }),
  trainingGraphHash: sha256,
  createdAt: time,
  provenance: provenanceSchema,
  perturbInit: z.boolean().optional(),
});

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
const tolerancesSchema = z.object({ format: z.literal(1), runs: z.record(runId, toleranceSchema) });

const artifactPaths = z.object({
  weights: bagPath.optional(),
  'inference-graph': bagPath.optional(),
  'training-graph': bagPath.optional(),
  'optimizer-state': bagPath.optional(),
  scalars: bagPath.optional(),
});

const runEntrySchema = z.object({
  runId,
  manifest: bagPath,
  eventLog: bagPath,
  config: bagPath,
  files: artifactPaths,
  status: z.enum(['queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted']),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  totalSteps: z.int().min(0),
  finalLoss: loggedNumber.nullable(),
  bestLoss: loggedNumber.nullable(),
  weightsHash: sha256.nullable(),
  selectedStep: z.int().min(0).nullable(),
  metrics: z.object({ accuracy: loggedNumber, loss: loggedNumber }).nullable(),
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
  study: bagPath.nullable(),
  reports: z.object({ markdown: bagPath, html: bagPath }),
  tolerance: bagPath,
});

/** `data/bundle.json`: where everything is, and what the runs came to. */
export type BundleIndex = z.infer<typeof indexSchema>;
export type BundleIndexRun = BundleIndex['runs'][number];

function parse<T>(schema: z.ZodType<T>, json: string, source: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new RepriseError('BUNDLE_INVALID', `${source} is not JSON.`, { kind: 'input', problems: [{ path: source, message: 'is not JSON.' }], cause: error });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems: Problem[] = parsed.error.issues.slice(0, 50).map((issue) => ({ path: visibleLine(`${source}: ${formatPath(issue.path)}`), message: visibleLine(issue.message) }));
  throw new RepriseError('BUNDLE_INVALID', `${problems[0]?.path ?? source} ${problems[0]?.message ?? 'is not valid'}.`, { kind: 'input', problems });
}

/** @throws RepriseError BUNDLE_INVALID with every problem */
export function parseIndex(json: string, source = 'data/bundle.json'): BundleIndex {
  return parse(indexSchema, json, source);
}

/** @throws RepriseError BUNDLE_INVALID, CONFIG_INVALID */
export function parseManifest(json: string, source: string): TrainingManifest {
  const manifest = parse(manifestSchema, json, source);
  const config = parseTrainingConfig(manifest.config, `${source}: config`);
  const problems = configTextProblems(config, source);
  if (problems.length > 0) throw new RepriseError('BUNDLE_INVALID', `${problems[0]?.path ?? source} ${problems[0]?.message ?? ''}`, { kind: 'input', problems });
  return { ...manifest, config };
}

/** Strings of a config that could forge what is shown of it. A delimiter may be any character, and names of columns may have lines. */
function configTextProblems(config: Config, source: string): Problem[] {
  const problems: Problem[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value === 'string') {
      const manyLines = path === 'description' || path === 'data.target' || path.startsWith('data.features.');
      if (path !== 'data.delimiter' && hasControls(value, manyLines)) problems.push({ path: `${source}: config.${path}`, message: 'must not contain control characters or changes of the direction of writing.' });
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, entry] of Object.entries(value)) look(entry, path === '' ? key : `${path}.${key}`);
    }
  };
  look(config, '');
  return problems;
}

/** @throws RepriseError BUNDLE_INVALID */
export function parseTolerances(json: string, source = 'data/tolerance.json'): ReadonlyMap<string, Tolerance> {
  return new Map(Object.entries(parse(tolerancesSchema, json, source).runs));
}

interface LoggedOutcome extends Omit<RunOutcome, 'finalLoss' | 'bestLoss' | 'metrics'> {
  readonly finalLoss: LoggedNumber | null;
  readonly bestLoss: LoggedNumber | null;
  readonly metrics: { readonly accuracy: LoggedNumber; readonly loss: LoggedNumber } | null;
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
    metrics: metrics === null ? null : { accuracy: toLogged(metrics.accuracy), loss: toLogged(metrics.loss) },
  };
}

/** Reads and checks everything a bundle says about itself; `readText` gets paths in the bag. @throws RepriseError BUNDLE_INVALID, CONFIG_INVALID, those of `readText` */
export async function loadContent(readText: (path: string) => Promise<string>): Promise<BundleContent> {
  const index = parseIndex(await readText('data/bundle.json'));
  const tolerances = parseTolerances(await readText(index.tolerance), index.tolerance);
  const ids = new Set<string>();
  const runs = [];
  for (const entry of index.runs) {
    const manifest = parseManifest(await readText(entry.manifest), entry.manifest);
    const tolerance = tolerances.get(entry.runId);
    const problem =
      manifest.runId !== entry.runId ? `is the manifest of run ${manifest.runId}, not of ${entry.runId}` : ids.has(entry.runId) ? 'belongs to a run that is listed twice' : tolerance === undefined ? `belongs to a run without a tolerance in ${index.tolerance}` : null;
    if (problem !== null || tolerance === undefined) {
      throw new RepriseError('BUNDLE_INVALID', `${entry.manifest} ${problem}.`, { kind: 'input', problems: [{ path: entry.manifest, message: `${problem}.` }] });
    }
    ids.add(entry.runId);
    const { manifest: _path, runId: _id, config: configFile, ...rest } = entry;
    runs.push({ ...rest, configFile, manifest, tolerance });
  }
  const { format: _format, reports: _reports, tolerance: _tolerance, study, ...about } = index;
  const data: readonly BundleData[] = index.data;
  return { ...about, runs, data, study: study === null ? null : await readText(study) };
}
