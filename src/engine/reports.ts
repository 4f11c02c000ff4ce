/** Use case: the report of an experiment or a run. */
import { resolve } from 'node:path';
import { describeChanges } from '../ablation/describe';
import { parseStudy } from '../ablation/study';
import type { Input, Output } from '../api/contract';
import { formatYaml, parseYaml } from '../config/yaml';
import { RepriseError } from '../errors/errors';
import { atomicWrite } from '../files/atomic-write';
import { refuseTarget } from '../files/targets';
import { renderHtml } from '../report/html';
import { renderMarkdown } from '../report/markdown';
import type { ReportModel, ReportRun, ReportStudy } from '../report/model';
import type { RunRow, Store } from '../store/types';
import type { Arrangement } from './arrange';
import { compareArrangement } from './compare';
import type { EngineContext } from './context';
import { repriseVersion } from './package-info';
import { chooseTarget, variantNames, type Target } from './target';

function reportRun(store: Store, row: RunRow, variant: string | null): ReportRun {
  const loss = store.series(row.runId, 'train.loss');
  return { row: { ...row, variant: variant ?? row.variant }, manifest: store.trainingManifest(row.runId), metrics: store.metrics(row.runId), loss: loss.values.length === 0 ? null : loss };
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
    if (manifest.config.data.kind === 'csv' && sourceSha256 !== undefined) files.set(manifest.config.data.path, sourceSha256);
  }
  return [...files].map(([path, sha256]) => ({ path, sha256 }));
}

/** Everything a report says, from the store. */
export function buildReport(store: Store, target: Target, options: { readonly generatedAt: number; readonly bundle: string | null }): ReportModel {
  const { arrangement } = target;
  // A run that another study made keeps that study's name for it; here it goes by the name it has in this one.
  const names = variantNames(arrangement);
  const runs = target.runs.map((row) => reportRun(store, row, names.get(row.runId) ?? null));
  const config = target.source === null ? runs[0]?.manifest.config : parseStudy(parseYaml(target.source, 'study')).baseline;
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
    supersededRuns: arrangement?.superseded ?? 0,
    dataFiles: dataFilesOf(runs),
    bundle: options.bundle,
  };
}

/** @throws RepriseError TARGET_NOT_FOUND, FILE_EXISTS, FOLDER_NOT_FOUND */
export async function writeReport({ store }: EngineContext, input: Input<'report.write'>): Promise<Output<'report.write'>> {
  const file = resolve(input.out);
  refuseTarget(file, input.overwrite === true);
  const report = buildReport(store, chooseTarget(store, input.target), { generatedAt: Date.now(), bundle: null });
  const text = input.format === 'html' ? renderHtml(report) : renderMarkdown(report);
  await atomicWrite(file, text);
  return { file, bytes: Buffer.byteLength(text) };
}
