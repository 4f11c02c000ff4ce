/** The runs of an experiment as a table of variants × seeds. */
import { diff } from '../config/diff';
import { hashJson, variantHash } from '../config/hash';
import { RepriseError } from '../errors/errors';
import { loggedSeed } from '../events/logged-seed';
import type { CommandManifest, RunManifest } from '../events/manifest';
import type { RunData } from '../store/tracking';
import type { RunRow, Store } from '../store/types';
import { isWithin, loggedData } from './nested';
import { yardstickFor, type Yardstick } from './yardstick';

interface Change {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** The runs of an experiment, arranged as variants × seeds, baseline first. */
export interface Arrangement {
  readonly experiment: string;
  readonly yardstick: Yardstick;
  /** Columns. A logged run that names no seed has a column of its own, a number below 0: nothing pairs it with another. */
  readonly seeds: readonly number[];
  readonly variants: readonly {
    readonly name: string;
    readonly changes: readonly Change[];
    /** Run of each seed; null where there is none. */
    readonly runs: readonly (RunRow | null)[];
  }[];
  /** The study and its YAML, or null where the runs were started one by one. */
  readonly studyId: string | null;
  readonly source: string | null;
  /** Runs left out because a newer one of the same config and seed stands in; 0 in a study. */
  readonly superseded: number;
  /** Runs left out because they are a part of another one; 0 in a study. */
  readonly nested: number;
}

/** The seed of a column; null where it stands for a run without one. */
export function seedOfColumn(column: number): number | null {
  return column < 0 ? null : column;
}

interface ArrangeOptions {
  /** The key of a series to compare by instead of the declared metric. */
  readonly metric?: string | undefined;
  /** Only runs that Reprise started, and can execute again; there may be none. */
  readonly executable?: boolean;
}

/**
 * By the newest study of the experiment; without one, by config (of a logged run by parameters) with the seed left out,
 * oldest variant first.
 * @throws RepriseError EXPERIMENT_NOT_FOUND, METRICS_DIFFER, METRIC_NOT_FOUND
 */
export function arrange(store: Store, experiment: string, { metric, executable = false }: ArrangeOptions = {}): Arrangement {
  const study = store.latestStudy(experiment);
  if (study !== null) {
    const ids = study.variants.flatMap((variant) => variant.runIds).filter((id) => id !== null);
    const known = new Map(store.getRuns(ids).map((run) => [run.runId, run]));
    const runOf = (runId: string | null): RunRow | null => (runId === null ? null : (known.get(runId) ?? null));
    const variants = study.variants.map(({ name, changes, runIds }) => ({ name, changes, runs: runIds.map((id) => runOf(id)) }));
    return { experiment, yardstick: yardstickFor(store, [...known.values()], metric), seeds: study.seeds, variants, studyId: study.studyId, source: study.source, superseded: 0, nested: 0 };
  }
  const runs = store.listRuns({ experiment });
  if (runs.length === 0) {
    const known = store.listExperiments().map((row) => row.name);
    throw new RepriseError('EXPERIMENT_NOT_FOUND', `There is no experiment ${JSON.stringify(experiment)} in ${store.workspace}.`, {
      kind: 'input',
      hint: known.length === 0 ? 'The workspace has no runs yet.' : `Known: ${known.slice(0, 10).join(', ')}.`,
    });
  }
  return arrangeByConfig(store, experiment, executable ? runs.filter(({ kind }) => kind !== 'logged') : runs, metric);
}

/** What decides a run but its seed. */
interface Asked {
  /** Equal for runs that differ in nothing but the seed. */
  readonly key: string;
  /** Settings by name, to tell variants apart by. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Tells variants of equal settings apart. */
  readonly otherwise: string;
  /** A setting as the name of a variant has it. */
  readonly show: (value: unknown) => string;
}

const asJson = (value: unknown): string => JSON.stringify(value) ?? 'none';

function askedOfManifest(manifest: Exclude<RunManifest, { readonly kind: 'logged' }>): Asked {
  if (manifest.kind === 'command') return askedOfCommand(manifest);
  const { config, data, model, trainingGraphHash } = manifest;
  const { seed: _seed, experiment: _experiment, author: _author, description: _description, tags: _tags, ...settings } = config;
  // A file that changed between two runs of one config makes two variants of it.
  return { key: hashJson([variantHash(config), data.fingerprint, trainingGraphHash, model?.sha256 ?? null]), settings, otherwise: `data ${data.fingerprint.slice(0, 8)}${model === undefined ? '' : `, model ${model.sha256.slice(0, 8)}`}`, show: asJson };
}

function askedOfCommand({ config, inputs, provenance }: CommandManifest): Asked {
  const { seed: _seed, experiment: _experiment, author: _author, description: _description, tags: _tags, params, ...settings } = config;
  const fingerprints = inputs.map(({ path, fingerprint }) => [path, fingerprint]);
  const code = provenance.code?.snapshot ?? null;
  return { key: hashJson([settings, params, fingerprints, code]), settings: { ...params, ...settings }, otherwise: code === null ? 'other inputs' : `code ${code.slice(0, 8)}`, show: asJson };
}

const NAMES_SEED = /(?:^|[._/-])seed$/iu;

/** Where one parameter is the run's seed, others of such a name (`data_seed`) tell variants apart. */
function askedOfParams(params: Readonly<Record<string, string>>): Asked {
  const own = loggedSeed((name) => (Object.hasOwn(params, name) ? params[name] : null));
  const settings = Object.fromEntries(Object.entries(params).filter(([name]) => (own === null ? !NAMES_SEED.test(name) : name !== own.name)));
  return { key: hashJson(['logged', settings]), settings, otherwise: 'same parameters', show: (value) => (value === undefined ? 'none' : String(value)) };
}

function askedOf(store: Store, run: RunRow, logged: ReadonlyMap<string, RunData>): Asked {
  const manifest = run.kind === 'logged' ? null : store.manifest(run.runId);
  return manifest === null || manifest.kind === 'logged' ? askedOfParams(logged.get(run.runId)?.params ?? {}) : askedOfManifest(manifest);
}

/**
 * Runs that stand for themselves: what a run nests is a part of it. One that another program logged without a value of its
 * own only holds the others together, as that of a sweep does, and they stand.
 */
function withoutNested(runs: readonly RunRow[], logged: ReadonlyMap<string, RunData>): RunRow[] {
  const holders = new Set(runs.flatMap(({ kind, runId }) => (kind !== 'logged' || (logged.get(runId)?.metrics.length ?? 0) > 0 ? [runId] : [])));
  return runs.filter(({ runId }) => !isWithin(runId, logged, (id) => holders.has(id)));
}

function arrangeByConfig(store: Store, experiment: string, all: readonly RunRow[], metric: string | undefined): Arrangement {
  const logged = loggedData(store, all);
  const runs = withoutNested(all, logged);
  const oldestFirst = runs.toSorted((left, right) => left.createdAt - right.createdAt || (left.runId < right.runId ? -1 : 1));
  const groups = new Map<string, { readonly runs: Map<number, RunRow>; readonly asked: Asked }>();
  let withoutSeed = 0;
  const columns = new Map<RunRow, number>();
  for (const run of oldestFirst) {
    const column = run.seed ?? -(withoutSeed += 1);
    columns.set(run, column);
    const own = askedOf(store, run, logged);
    const group = groups.get(own.key) ?? { runs: new Map<number, RunRow>(), asked: own };
    const standing = group.runs.get(column);
    // The newest finished run of a seed stands for it; an unfinished one never hides a finished one.
    if (standing === undefined || run.status === 'finished' || standing.status !== 'finished') group.runs.set(column, run);
    groups.set(own.key, group);
  }
  const seeds = [...new Set(columns.values())].toSorted((left, right) => Number(left < 0) - Number(right < 0) || Math.abs(left) - Math.abs(right));
  const [baseline] = groups.values();
  const names = new Set<string>();
  const variants = [...groups.values()].map((group, index) => {
    const changes = diff(baseline?.asked.settings ?? {}, group.asked.settings).map(({ path, left, right }): Change => ({ path: path.replaceAll(String.raw`\.`, '.'), from: left, to: right }));
    const named = changes.map(({ path, to }) => `${path}=${group.asked.show(to)}`).join(', ');
    const name = unique(index === 0 ? 'baseline' : named === '' ? group.asked.otherwise : named, names);
    return { name, changes, runs: seeds.map((column) => group.runs.get(column) ?? null) };
  });
  const shown = variants.reduce((sum, variant) => sum + variant.runs.filter((row) => row !== null).length, 0);
  return { experiment, yardstick: yardstickFor(store, oldestFirst, metric), seeds, variants, studyId: null, source: null, superseded: runs.length - shown, nested: all.length - runs.length };
}

/** A variant goes by its name: where two would have one name, the later is numbered. */
function unique(name: string, names: Set<string>): string {
  let own = name;
  for (let number = 2; names.has(own); number += 1) own = `${name} (${number})`;
  names.add(own);
  return own;
}
