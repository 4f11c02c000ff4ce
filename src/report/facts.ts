/** Small readings of the model that several sections share. */
import { formatDuration, formatPlain } from '../analysis/format';
import { dataPaths } from '../config/data';
import type { Config } from '../config/schema';
import type { MetricRow, RunRow } from '../store/types';
import type { ReportModel, ReportRun } from './model';

function spaced(name: string): string {
  return name.replaceAll(/([a-z\d])([A-Z])/gu, (_, left: string, right: string) => `${left} ${right.toLowerCase()}`);
}

/** A config value in words: `momentum 0.9, weight decay 0`, `64, 32`, `none`. */
export function inWords(value: unknown): string {
  if (value === undefined || value === null) return 'not set';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map((entry) => inWords(entry)).join(', ');
  if (typeof value === 'object') {
    const { kind, ...rest } = value as Record<string, unknown>;
    const fields = Object.entries(rest).filter(([, entry]) => entry !== undefined).map(([key, entry]) => `${spaced(key)} ${inWords(entry)}`).join(', ');
    if (typeof kind !== 'string') return fields === '' ? 'none' : fields;
    return fields === '' ? kind : `${kind} (${fields})`;
  }
  return String(value);
}

export function count(amount: number, noun: string, plural = `${noun}s`): string {
  return `${amount} ${amount === 1 ? noun : plural}`;
}

/** The metrics on the test split at the selected checkpoint; of a run that did not finish there are none. */
export function testRow({ row, metrics }: ReportRun): MetricRow | undefined {
  return row.status === 'finished' ? metrics.findLast(({ split }) => split === 'test') : undefined;
}

/** The declared metric among them. */
export function testMetric(run: ReportRun): number | null {
  return testRow(run)?.[run.manifest.config.selection.metric] ?? null;
}

/** The experiment's name: a study says it; a run that it reused may carry the name of another experiment. */
export function experimentOf(model: ReportModel): string {
  return model.study === null ? (model.runs[0]?.row.experiment ?? model.config.experiment) : model.config.experiment;
}

export function variantOf(run: ReportRun): string {
  return run.row.variant ?? 'run';
}

/** Names of variants in the order of the report; the first is the baseline. */
export function variantNames(model: ReportModel): string[] {
  const named = model.comparison?.variants.map(({ name }) => name) ?? model.study?.variants.map(({ name }) => name) ?? [];
  return [...new Set([...named, ...model.runs.map((run) => variantOf(run))])].filter((name) => named.length === 0 || named.includes(name) || model.runs.some((run) => variantOf(run) === name));
}

/** `validation 10%, test from test.csv, the rest trains`. */
export function splitInWords({ data }: Config): string {
  const part = (name: 'validation' | 'test'): string => {
    const own = dataPaths(data).find(({ key }) => key === `${name}Path`);
    return own === undefined ? `${name} ${Number((data.split[name] * 100).toFixed(2))}%` : `${name} from ${own.path}`;
  };
  return `${part('validation')}, ${part('test')}, the rest trains`;
}

export function seedsOf(model: ReportModel): number[] {
  return model.study === null ? [...new Set(model.runs.map((run) => run.row.seed))].toSorted((a, b) => a - b) : [...model.study.seeds];
}

const UNTIL: Readonly<Partial<Record<ReportRun['row']['status'], string>>> = {
  failed: ' until it failed',
  cancelled: ' until it was cancelled',
  // A host that dies takes no note of it; the end is when the next one found out.
  interrupted: ' until it was found interrupted',
};

/** Wall time from the first start to the last end, or a dash. Between attempts nothing ran, so they are told. */
export function durationOf({ row }: { readonly row: Pick<RunRow, 'startedAt' | 'endedAt' | 'status' | 'attempts'> }): string {
  if (row.startedAt === null || row.endedAt === null) return '–';
  return `${formatDuration((row.endedAt - row.startedAt) / 1000)}${UNTIL[row.status] ?? ''}${row.attempts > 1 ? ` (with pauses, ${count(row.attempts, 'attempt')})` : ''}`;
}

/** `2 more runs of the same config and seed`; empty where there are none. */
export function supersededInWords({ supersededRuns = 0 }: ReportModel): string {
  return supersededRuns === 0 ? '' : `${count(supersededRuns, 'more run')} of the same config and seed`;
}

export function lossText(value: number | null): string {
  return formatPlain(value);
}

/** A git remote without the user name and password it may carry. */
export function publicRemote(remote: string): string {
  return remote.replace(/^([a-z+]+:\/\/)[^/@]*@/iu, '$1');
}

export interface Varying {
  readonly name: string;
  /** Distinct values and how many runs have each, most frequent first. */
  readonly values: readonly { readonly text: string; readonly runs: number }[];
}

/** Facts of code, data, software and hardware, each with its distinct values over the runs. */
export function surroundings(runs: readonly ReportRun[]): Varying[] {
  const readings: [string, (run: ReportRun) => string][] = [
    ['Git commit', ({ manifest: { provenance: { git } } }) => (git === null ? 'not captured, see Notes' : `${git.commit ?? 'no commit yet'}${git.dirty ? ' with uncommitted changes' : ''}`)],
    ['Git branch', ({ manifest: { provenance: { git } } }) => git?.branch ?? '–'],
    ['Git remote', ({ manifest: { provenance: { git } } }) => (git?.remote == null ? '–' : publicRemote(git.remote))],
    ['Reprise', ({ manifest: { provenance } }) => provenance.versions.reprise],
    ['Node.js', ({ manifest: { provenance } }) => provenance.versions.node],
    ['Electron', ({ manifest: { provenance } }) => provenance.versions.electron ?? 'none (command line)'],
    ['ONNX Runtime', ({ manifest: { runtime } }) => `${runtime.onnxruntime}, provider ${runtime.executionProvider}, optimisation level ${runtime.optimizationLevel}, ${count(runtime.threads, 'thread')}`],
    ['Lockfile (SHA-256)', ({ manifest: { provenance } }) => provenance.lockfileHash ?? 'not captured'],
    ['Operating system', ({ manifest: { provenance: { os } } }) => `${os.name} (${os.platform} ${os.release}, ${os.arch})`],
    ['CPU', ({ manifest: { provenance: { cpu } } }) => `${cpu.model}, ${count(cpu.cores, 'core')}`],
    ['Instruction sets', ({ manifest: { runtime } }) => (runtime.cpuFlags.length === 0 ? 'not captured' : runtime.cpuFlags.join(' '))],
    ['Memory', ({ manifest: { provenance } }) => `${(provenance.memoryBytes / 2 ** 30).toFixed(1)} GiB`],
    ['GPUs', ({ manifest: { provenance: { gpus } } }) => (gpus.length === 0 ? 'none found' : gpus.map(({ name, driver }) => (driver === null ? name : `${name} (driver ${driver})`)).join(', '))],
  ];
  return readings.map(([name, read]) => {
    const counts = new Map<string, number>();
    for (const run of runs) counts.set(read(run), (counts.get(read(run)) ?? 0) + 1);
    return { name, values: [...counts].map(([text, amount]) => ({ text, runs: amount })).toSorted((a, b) => b.runs - a.runs) };
  });
}
