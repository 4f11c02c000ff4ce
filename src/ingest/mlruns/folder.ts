/** MLflow's file store: `mlruns/EXPERIMENT/RUN/{meta.yaml,metrics,params,tags,artifacts,inputs}`. */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isTime } from '../../events/record-problem';
import { toLogged, type EventBody, type LoggedNumber } from '../../events/records';
import { attempt, Lots, type Begun, type ImportSink } from '../import-sink';
import { isLink, keepFolder } from '../sources/kept-folder';
import { keepArtifacts, pythonNumber, RUN_NAME, rootOf, statusOf } from './mlflow';

type Meta = Readonly<Record<string, unknown>>;

/** Folders of an experiment that are no runs. */
const NO_RUNS: ReadonlySet<string> = new Set(['tags', 'datasets', 'traces', 'models']);
const POINTS_A_RECORD = 5000;

async function readMeta(folder: string): Promise<Meta | null> {
  let text: string;
  try {
    text = await readFile(join(folder, 'meta.yaml'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return null;
    throw error;
  }
  const meta: unknown = parse(text);
  if (typeof meta !== 'object' || meta === null) throw new Error('meta.yaml holds no mapping.');
  return meta as Meta;
}

const textOf = (value: unknown): string => (value === null || value === undefined ? '' : String(value));
const timeOf = (value: unknown): number | null => (typeof value === 'number' && isTime(value) ? value : null);

async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Files below a folder by their names: names of metrics, parameters and tags may have slashes. */
async function namesIn(folder: string, under = ''): Promise<string[]> {
  if (under === '' && (await isLink(folder))) throw new Error(`${folder} is a link; links are not followed.`);
  let entries;
  try {
    entries = await readdir(join(folder, under), { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const names: string[] = [];
  for (const entry of entries) {
    const name = under === '' ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) names.push(...(await namesIn(folder, name)));
    else if (entry.isFile() && entry.name !== '.DS_Store') names.push(name);
  }
  return names.toSorted();
}

async function readTexts(folder: string): Promise<Record<string, string>> {
  const texts: [string, string][] = [];
  for (const name of await namesIn(folder)) texts.push([name, await readFile(join(folder, name), 'utf8')]);
  return Object.fromEntries(texts);
}

/** Lines `time value [step [dataset digest]]`; without a step it is 0. */
async function readSeries(file: string, key: string, lots: Lots): Promise<void> {
  const handle = await open(file);
  let steps: number[] = [];
  let times: number[] = [];
  let values: LoggedNumber[] = [];
  let number = 0;
  for await (const line of handle.readLines()) {
    number++;
    if (line === '') continue;
    const parts = line.split(' ');
    const [time, , step] = parts.map(Number) as [number, number, number | undefined];
    const [, text = ''] = parts;
    const value = pythonNumber(text);
    const isNumber = !Number.isNaN(value) || text.toLowerCase() === 'nan';
    if (!isNumber || !Number.isFinite(time) || !Number.isFinite(step ?? 0)) throw new Error(`Line ${number} of the metric ${JSON.stringify(key)} is not "time value step": ${JSON.stringify(line.slice(0, 80))}`);
    times.push(time);
    values.push(toLogged(value));
    steps.push(step ?? 0);
    if (steps.length < POINTS_A_RECORD) continue;
    await lots.add({ type: 'points', key, steps, times, values });
    [steps, times, values] = [[], [], []];
  }
  if (steps.length > 0) await lots.add({ type: 'points', key, steps, times, values });
}

/** The data sets that a run said it read. */
async function readInputs(run: string, experiment: string): Promise<EventBody[]> {
  const records: EventBody[] = [];
  for (const name of await foldersIn(join(run, 'inputs'))) {
    const input = await readMeta(join(run, 'inputs', name));
    if (input === null || input['source_type'] !== 'DATASET') continue;
    const id = textOf(input['source_id']);
    const dataset = /^[\w-]+$/u.test(id) ? await readMeta(join(experiment, 'datasets', id)) : null;
    if (dataset === null) throw new Error(`The data set ${id} that the run names is not there.`);
    const optional = (field: string): string | null => (dataset[field] === null || dataset[field] === undefined ? null : String(dataset[field]));
    records.push({
      type: 'dataset',
      name: textOf(dataset['name']),
      digest: textOf(dataset['digest']),
      sourceType: textOf(dataset['source_type']),
      source: textOf(dataset['source']),
      schema: optional('schema'),
      profile: optional('profile'),
      tags: Object.fromEntries(Object.entries((input['tags'] ?? {}) as Meta).map(([key, value]) => [key, textOf(value)])),
    });
  }
  return records;
}

interface Experiment {
  readonly folder: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly deleted: boolean;
  /** Folders of MLflow 3's models by the run that made them. */
  readonly models: ReadonlyMap<string, readonly { readonly name: string; readonly folder: string }[]>;
}

async function readExperiment(folder: string): Promise<Experiment | null> {
  const meta = await readMeta(folder);
  if (meta === null) return null;
  const models = new Map<string, { name: string; folder: string }[]>();
  for (const id of await foldersIn(join(folder, 'models'))) {
    const model = await readMeta(join(folder, 'models', id));
    const run = textOf(model?.['source_run_id']);
    models.set(run, [...(models.get(run) ?? []), { name: textOf(model?.['name']) || id, folder: join(folder, 'models', id, 'artifacts') }]);
  }
  return { folder, name: textOf(meta['name']), tags: await readTexts(join(folder, 'tags')), deleted: meta['lifecycle_stage'] === 'deleted', models };
}

async function readRun(id: string, experiment: Experiment, mlruns: string, sink: ImportSink, begun: Begun): Promise<void> {
  const folder = join(experiment.folder, id);
  const meta = await readMeta(folder);
  if (meta === null) return;
  const { [RUN_NAME]: tagged, ...tags } = await readTexts(join(folder, 'tags'));
  const startedAt = timeOf(meta['start_time']);
  const name = tagged ?? textOf(meta['run_name'] ?? meta['name']);
  const runId = begun(
    await sink.begin({
      system: 'mlflow',
      id,
      name: name === '' ? null : name,
      experiment: experiment.name,
      experimentTags: experiment.tags,
      createdAt: startedAt ?? 0,
      user: textOf(meta['user_id']),
      from: folder,
      deleted: experiment.deleted || meta['lifecycle_stage'] === 'deleted',
    }),
  );
  if (runId === null) return;
  const lots = new Lots(sink, runId);
  const params = await readTexts(join(folder, 'params'));
  if (Object.keys(params).length > 0) await lots.add({ type: 'params', params });
  if (Object.keys(tags).length > 0) await lots.add({ type: 'tags', tags });
  for (const record of await readInputs(folder, experiment.folder)) await lots.add(record);
  for (const key of await namesIn(join(folder, 'metrics'))) await readSeries(join(folder, 'metrics', key), key, lots);
  await keepArtifacts({ uri: textOf(meta['artifact_uri']), root: rootOf(mlruns), own: join(folder, 'artifacts'), under: '' }, sink, runId, lots);
  for (const model of experiment.models.get(id) ?? []) await keepFolder(model.folder, `models/${model.name}`, sink, runId, lots);
  await lots.flush();
  await sink.end(runId, { status: statusOf(meta['status']), endedAt: timeOf(meta['end_time']), ...(startedAt === null ? {} : { startedAt }), ...(name === '' ? {} : { name }) });
}

/** Reads all runs of a folder `mlruns`, deleted ones too. */
export async function importMlruns(mlruns: string, sink: ImportSink): Promise<void> {
  for (const parent of [mlruns, join(mlruns, '.trash')]) {
    for (const name of (await foldersIn(parent)).filter((one) => !one.startsWith('.') && one !== 'models')) {
      await attempt(sink, join(parent, name), async () => {
        const experiment = await readExperiment(join(parent, name));
        if (experiment === null) return;
        for (const id of (await foldersIn(experiment.folder)).filter((one) => !NO_RUNS.has(one))) {
          await attempt(sink, join(experiment.folder, id), async (begun) => readRun(id, experiment, mlruns, sink, begun));
        }
      });
    }
  }
}
