/** Use case: the report of an experiment or a run. */
import { resolve } from 'node:path';
import { describeChanges } from '../ablation/describe';
import { parseStudy } from '../ablation/study';
import type { Input, Output } from '../api/contract';
import { isCommandConfig } from '../config/command';
import { dataPaths, mayBeFolder } from '../config/data';
import { formatYaml, parseYaml } from '../config/yaml';
import { onePerStep } from '../analysis/align';
import { redactNamed, redactText } from '../provenance/secrets';
import { RepriseError } from '../errors/errors';
import { ARTIFACT_FILES } from '../events/manifest';
import { atomicWrite } from '../files/atomic-write';
import { refuseTarget } from '../files/targets';
import type { AnyReport } from '../report/build';
import { renderHtml } from '../report/html';
import { renderMarkdown } from '../report/markdown';
import type { ReportModel, ReportRun, ReportStudy } from '../report/model';
import type { TrackedReport, TrackedRun } from '../report/tracked';
import type { RunRow, Series, Store } from '../store/types';
import { dataWarnings } from '../worker/data-warnings';
import type { Arrangement } from './arrange';
import { compareArrangement } from './compare';
import { confusionOf } from './confusion';
import type { EngineContext } from './context';
import { repriseVersion } from './package-info';
import { chooseTarget, variantNames, type Target } from './target';
import { labelOf, valueOf, yardstickFor, type Yardstick } from './yardstick';

/** @param row of a training */
function reportRun(store: Store, row: RunRow, variant: string | null): ReportRun {
  const loss = store.series(row.runId, 'train.loss');
  const manifest = store.trainingManifest(row.runId);
  const { configHash, computeHash, config } = manifest;
  return { row: { ...row, variant: variant ?? row.variant, seed: config.seed, configHash, computeHash }, manifest, metrics: store.metrics(row.runId), loss: loss.values.length === 0 ? null : loss, dataWarnings: dataWarnings(manifest.data) };
}

function reportStudy({ source, seeds, variants }: Arrangement): ReportStudy | null {
  if (source === null) return null;
  const { design, description } = parseStudy(parseYaml(source, 'study'));
  return {
    yaml: source,
    description,
    design,
    seeds,
    variants: variants.map(({ name, changes }) => ({ name, changes, summary: describeChanges({ changes }) })),
  };
}

/** Files of the user's that runs were trained on, as they were read. */
function dataFilesOf(runs: readonly ReportRun[]): { path: string; sha256: string }[] {
  const files = new Map<string, string>();
  for (const { manifest } of runs) {
    const { sourceSha256 } = manifest.data;
    const [file, ...others] = dataPaths(manifest.config.data);
    // Of several files and of a folder the hash is no file's.
    if (file !== undefined && others.length === 0 && !mayBeFolder(manifest.config.data) && sourceSha256 !== undefined) files.set(file.path, sourceSha256);
  }
  return [...files].map(([path, sha256]) => ({ path, sha256 }));
}

/** What every report says of itself. */
interface ReportOptions {
  readonly generatedAt: number;
  readonly bundle: string | null;
}

/**
 * Everything a report says, from the store: about trainings where all runs are, else about runs by what they logged.
 * @throws RepriseError NOTHING_TO_REPORT, ARTIFACT_DAMAGED
 */
export async function buildReport(store: Store, target: Target, options: ReportOptions): Promise<AnyReport> {
  return target.runs.every(({ kind }) => kind === 'training') ? trainingReport(store, target, options) : trackedReport(store, target, options);
}

/** More points are read in buckets, which a drawing cannot tell from them. */
const MOST_POINTS = 20_000;

function curveOf(store: Store, runId: string, key: string, points: number): Series {
  if (points <= MOST_POINTS) return onePerStep(store.points(runId, key));
  const { toSteps, mean } = store.seriesWindow(runId, key, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 1000);
  return onePerStep({ steps: toSteps, values: mean });
}

/** A name can tell of a secret that its value alone does not show. */
function withoutSecrets(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, redactNamed(name, text)]));
}

function trackedRun(store: Store, row: RunRow, variant: string | null, yardstick: Yardstick): TrackedRun[] {
  const manifest = store.manifest(row.runId);
  if (manifest.kind !== 'command' && manifest.kind !== 'logged') return [];
  const [data] = store.runData([row.runId]);
  const metrics = store.latestMetrics(row.runId);
  const key = yardstick.kind === 'series' ? yardstick.key : '';
  const latest = metrics.find((metric) => metric.key === key);
  return [
    {
      row: { ...row, variant: variant ?? row.variant, errorMessage: row.errorMessage === null ? null : redactText(row.errorMessage) },
      manifest,
      params: withoutSecrets(data?.params ?? {}),
      tags: withoutSecrets(data?.tags ?? {}),
      metrics,
      files: store.files(row.runId),
      datasets: store.datasets(row.runId),
      value: valueOf(store, row, yardstick),
      curve: latest === undefined ? null : curveOf(store, row.runId, key, latest.points),
    },
  ];
}

function trackedReport(store: Store, target: Target, options: ReportOptions): TrackedReport {
  const { arrangement } = target;
  const names = variantNames(arrangement);
  const yardstick = arrangement?.yardstick ?? yardstickFor(store, target.runs, undefined);
  const runs = target.runs.flatMap((row) => trackedRun(store, row, names.get(row.runId) ?? null, yardstick));
  const first = runs.flatMap(({ manifest }) => (manifest.kind === 'command' ? manifest.config : []))[0];
  return {
    of: 'tracked',
    kind: target.kind,
    title: target.name,
    generatedAt: new Date(options.generatedAt).toISOString(),
    reprise: repriseVersion,
    study: arrangement === null ? null : reportStudy(arrangement),
    configYaml: first === undefined ? null : redactText(formatYaml(first)),
    metric: { label: labelOf(yardstick), key: yardstick.kind === 'series' ? yardstick.key : labelOf(yardstick) },
    runs,
    supersededRuns: arrangement?.superseded ?? 0,
    comparison: arrangement === null ? null : compareArrangement(store, arrangement),
    bundle: options.bundle,
  };
}

async function trainingReport(store: Store, target: Target, options: ReportOptions): Promise<ReportModel> {
  const { arrangement } = target;
  // A run that another study made keeps that study's name for it; here it goes by the name it has in this one.
  const names = variantNames(arrangement);
  const runs = target.runs.map((row) => reportRun(store, row, names.get(row.runId) ?? null));
  const ofStudy = target.source === null ? undefined : parseStudy(parseYaml(target.source, 'study')).baseline;
  const matrix = target.kind === 'run' && runs[0] !== undefined ? await confusionOf(store, runs[0].row.runId) : null;
  const config = ofStudy === undefined || isCommandConfig(ofStudy) ? runs[0]?.manifest.config : ofStudy;
  if (config === undefined) throw new RepriseError('NOTHING_TO_REPORT', `${JSON.stringify(target.name)} has no runs.`, { kind: 'input' });
  return {
    kind: target.kind,
    title: target.name,
    generatedAt: new Date(options.generatedAt).toISOString(),
    reprise: repriseVersion,
    configYaml: formatYaml(config),
    config,
    study: arrangement === null ? null : reportStudy(arrangement),
    runs,
    comparison: arrangement === null ? null : compareArrangement(store, arrangement),
    confusion: matrix === null ? null : { ...matrix, file: ARTIFACT_FILES['confusion-matrix'] },
    supersededRuns: arrangement?.superseded ?? 0,
    dataFiles: dataFilesOf(runs),
    bundle: options.bundle,
  };
}

function rendered(report: AnyReport, format: Input<'report.write'>['format']): string {
  return format === 'html' ? renderHtml(report) : renderMarkdown(report);
}

/** @throws RepriseError TARGET_NOT_FOUND, NOTHING_TO_REPORT, ARTIFACT_DAMAGED, FILE_EXISTS, FOLDER_NOT_FOUND */
export async function writeReport({ store }: EngineContext, input: Input<'report.write'>): Promise<Output<'report.write'>> {
  const file = resolve(input.out);
  refuseTarget(file, input.overwrite === true);
  const report = await buildReport(store, chooseTarget(store, input.target), { generatedAt: Date.now(), bundle: null });
  // What a person's program logged or was given may hold what nobody else should read.
  const text = 'of' in report ? redactText(rendered(report, input.format)) : rendered(report, input.format);
  await atomicWrite(file, text);
  return { file, bytes: Buffer.byteLength(text) };
}
