/** Writes MLflow's file store, a folder `mlruns` that MLflow 1 to 3 open (3 with MLFLOW_ALLOW_FILE_STORE=true). */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ExportResultView } from '../api/imports';
import { refuseCancelled } from '../errors/cancelled';
import { objectPath } from '../files/objects';
import type { RunStatus } from '../store/types';
import type { DatasetRow } from '../store/tracking';
import type { EngineContext } from './context';
import { POINTS_AT_ONCE, type ExportedRun } from './export-runs';
import type { TaskHandle } from './tasks';

/** MLflow's RunStatus by number. */
const STATUS: Readonly<Record<RunStatus, number>> = { running: 1, queued: 2, interrupted: 2, finished: 3, failed: 4, cancelled: 5 };

type Scalar = string | number | null;

/** A text in double quotes that YAML 1.1 and 1.2 read alike: printable ASCII only. */
function quoted(text: string): string {
  const escaped = [...text].map((char) => {
    const code = char.codePointAt(0) ?? 0;
    if (char === '"' || char === '\\') return `\\${char}`;
    if (code >= 0x20 && code < 0x7f) return char;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${escaped.join('')}"`;
}

const scalar = (value: Scalar): string => (typeof value === 'string' ? quoted(value) : String(value));

function yaml(fields: Readonly<Record<string, Scalar | readonly [] | Readonly<Record<string, string>>>>): string {
  const lines = Object.entries(fields).map(([key, value]) => {
    if (Array.isArray(value)) return `${key}: []`;
    if (typeof value !== 'object' || value === null) return `${key}: ${scalar(value as Scalar)}`;
    const inner = Object.entries(value).map(([name, text]) => `  ${quoted(name)}: ${quoted(text)}`);
    return inner.length === 0 ? `${key}: {}` : [`${key}:`, ...inner].join('\n');
  });
  return `${lines.join('\n')}\n`;
}

/** Python reads numbers by these words. */
function pythonNumber(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0.0' : String(value);
}

/** Longest part of a path, in UTF-8 bytes. */
const LONGEST_PART = 240;

function allowedPart(part: string): string {
  const allowed = part.replace(/[^\p{L}\p{N}_.\- :]/gu, '_');
  const safe = /^\.{1,2}$/u.test(allowed) || allowed === '' ? `_${allowed}` : allowed;
  if (Buffer.byteLength(safe) <= LONGEST_PART) return safe;
  const mark = createHash('sha256').update(part).digest('hex').slice(0, 16);
  return `${Buffer.from(safe).subarray(0, LONGEST_PART - 20).toString('utf8').replace(/\ufffd+$/u, '')}-${mark}`;
}

/**
 * Names as MLflow's file store can have them: letters, digits and `_-. :/`, each a file of its own. A name that another
 * one continues (`loss` beside `loss/train`) cannot be a file and a folder at once.
 */
export function allowedNames(names: readonly string[]): Map<string, string> {
  const taken = new Set<string>();
  const folders = new Set<string>();
  const foldersOf = (path: string): string[] => path.split('/').slice(0, -1).map((_, index, parts) => parts.slice(0, index + 1).join('/'));
  const allowed = new Map<string, string>();
  // The longer ones first: they make the folders.
  for (const name of names.toSorted((a, b) => b.split('/').length - a.split('/').length || (a < b ? -1 : 1))) {
    const plain = name.split('/').map(allowedPart).join('/');
    let path = plain;
    for (let number = 2; taken.has(path) || folders.has(path) || foldersOf(path).some((folder) => taken.has(folder)); number++) path = `${plain}_${number}`;
    taken.add(path);
    for (const folder of foldersOf(path)) folders.add(folder);
    allowed.set(name, path);
  }
  return allowed;
}

async function writeIn(folder: string, name: string, content: string): Promise<void> {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

class MlrunsWriter {
  readonly renamed = new Map<string, string>();
  points = 0;
  files = 0;
  private readonly experiments = new Map<string, string>();

  constructor(
    private readonly context: EngineContext,
    private readonly out: string,
    private readonly signal: AbortSignal,
  ) {}

  /** @returns the folder of an experiment, which is made where it is not there yet */
  async experiment(name: string): Promise<{ readonly id: string; readonly folder: string }> {
    const known = this.context.store.experiment({ name });
    // Digits, as MLflow's own.
    const id = this.experiments.get(name) ?? known?.experimentId ?? String(BigInt(`0x${createHash('sha256').update(name).digest('hex').slice(0, 14)}`));
    const folder = join(this.out, id);
    if (this.experiments.has(name)) return { id, folder };
    this.experiments.set(name, id);
    await mkdir(folder, { recursive: true });
    const now = Date.now();
    await writeIn(folder, 'meta.yaml', yaml({ artifact_location: pathToFileURL(folder).href, creation_time: known?.createdAt ?? now, experiment_id: id, last_update_time: known?.updatedAt ?? now, lifecycle_stage: 'active', name }));
    await this.texts(join(folder, 'tags'), known?.tags ?? {});
    return { id, folder };
  }

  async run({ data, name, files }: ExportedRun): Promise<void> {
    const { run } = data;
    const experiment = await this.experiment(run.experiment);
    const id = run.runId.replace(/[^\w-]/gu, '_');
    const folder = join(experiment.folder, id);
    for (const part of ['artifacts', 'metrics', 'params', 'tags']) await mkdir(join(folder, part), { recursive: true });
    await writeIn(folder, 'meta.yaml', yaml({
      artifact_uri: pathToFileURL(join(folder, 'artifacts')).href,
      end_time: run.endedAt,
      entry_point_name: '',
      experiment_id: experiment.id,
      lifecycle_stage: 'active',
      run_id: id,
      run_name: name,
      run_uuid: id,
      source_name: '',
      source_type: 4,
      source_version: '',
      start_time: run.startedAt ?? run.createdAt,
      status: STATUS[run.status],
      tags: [],
      user_id: data.user,
    }));
    await this.texts(join(folder, 'params'), data.params);
    await this.texts(join(folder, 'tags'), { ...data.tags, 'mlflow.runName': name });
    await this.series(run.runId, join(folder, 'metrics'));
    for (const dataset of this.context.store.datasets(run.runId)) await this.dataset(dataset, id, folder, experiment.folder);
    for (const { path, sha256 } of files) {
      refuseCancelled(this.signal);
      const file = join(folder, 'artifacts', ...path.split('/'));
      await mkdir(dirname(file), { recursive: true });
      await copyFile(objectPath(this.context.workspace, sha256), file, constants.COPYFILE_FICLONE);
      this.files++;
    }
  }

  private async texts(folder: string, texts: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, path] of this.allowed(Object.keys(texts))) await writeIn(folder, path, texts[name] as string);
  }

  private allowed(names: readonly string[]): Map<string, string> {
    const allowed = allowedNames(names);
    for (const [name, path] of allowed) if (name !== path) this.renamed.set(name, path);
    return allowed;
  }

  private async series(runId: string, folder: string): Promise<void> {
    const { store } = this.context;
    for (const [key, path] of this.allowed(store.seriesKeys(runId))) {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      const handle = await open(file, 'w');
      try {
        for (let from = 0; ; ) {
          refuseCancelled(this.signal);
          const { steps, times, values } = store.points(runId, key, from, POINTS_AT_ONCE);
          const lines = Array.from(steps, (step, index) => `${Math.round(times[index] as number)} ${pythonNumber(values[index] as number)} ${Math.round(step)}\n`);
          await handle.write(lines.join(''));
          from += steps.length;
          this.points += steps.length;
          if (steps.length < POINTS_AT_ONCE) break;
        }
      } finally {
        await handle.close();
      }
    }
  }

  private async dataset(dataset: DatasetRow, run: string, folder: string, experiment: string): Promise<void> {
    const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
    const id = md5(`${dataset.name}${dataset.digest}`);
    await writeIn(join(experiment, 'datasets', id), 'meta.yaml', yaml({ digest: dataset.digest, name: dataset.name, profile: dataset.profile, schema: dataset.schema, source: dataset.source, source_type: dataset.sourceType }));
    await writeIn(join(folder, 'inputs', md5(`${id}${run}`)), 'meta.yaml', yaml({ destination_id: run, destination_type: 'RUN', source_id: id, source_type: 'DATASET', tags: dataset.tags }));
  }
}

export async function writeMlruns(context: EngineContext, runs: readonly ExportedRun[], out: string, handle: TaskHandle): Promise<ExportResultView> {
  const writer = new MlrunsWriter(context, out, handle.signal);
  await mkdir(join(out, '.trash'), { recursive: true });
  // MLflow expects it in every store.
  await writer.experiment('Default');
  for (const [index, run] of runs.entries()) {
    refuseCancelled(handle.signal);
    handle.report(index, runs.length, run.name);
    await writer.run(run);
  }
  return { out, runs: runs.length, points: writer.points, files: writer.files, renamed: [...writer.renamed].map(([from, to]) => ({ from, to })) };
}
