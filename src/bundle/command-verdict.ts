/** What re-executing a command run found. Steps are those that the program logged. */
import type { Verdict } from './verdict';
import { allowedDifference, DEFAULT_RELATIVE, type CommandTolerance } from './command-tolerance';
import { compareSeries, isJudged, type CommandTrace, type SeriesDifference } from './series';

export interface CommandJudgeContext {
  /** Equal compute hashes: code, inputs, parameters, packages and machine are the recorded ones, and the same bits are expected. */
  readonly asRecorded: boolean;
  /** Differences of the environment in words; candidates for a cause. */
  readonly differences: readonly string[];
  readonly tolerance: CommandTolerance;
  /** The series that the config declared as its metric, or null. */
  readonly metric: string | null;
}

export interface FileFinding {
  readonly path: string;
  /** SHA-256, hex; null where one of the two did not keep such a file. */
  readonly recorded: string | null;
  readonly here: string | null;
  readonly same: boolean;
}

export interface CommandRunVerdict {
  readonly verdict: Verdict;
  /** Smallest over the judged series, or null. */
  readonly firstDivergentStep: number | null;
  readonly firstDifferentStep: number | null;
  readonly maxRelativeDifference: number | null;
  /** One entry a judged series that the record has. */
  readonly series: readonly SeriesDifference[];
  readonly files: readonly FileFinding[];
  /** Candidates, none confirmed. */
  readonly causes: readonly string[];
  readonly sentence: string;
}

/** Names in a sentence, the first few of many. */
function named(names: readonly string[]): string {
  const most = 5;
  return names.length > most ? `${names.slice(0, most).join(', ')} and ${names.length - most} more` : names.join(', ');
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : noun.endsWith('s') ? '' : 's'}`;
}

function fileFindings(recorded: CommandTrace, actual: CommandTrace): FileFinding[] {
  const paths = [...new Set([...recorded.files.keys(), ...actual.files.keys()])].sort();
  return paths.map((path) => {
    const [was, here] = [recorded.files.get(path) ?? null, actual.files.get(path) ?? null];
    return { path, recorded: was, here, same: was === here };
  });
}

/** `; all 3 output files are the recorded ones, byte for byte`. A file may differ while the numbers agree: it can hold a time or a path. */
function filesInWords(files: readonly FileFinding[]): string {
  if (files.length === 0) return '';
  const different = files.filter((file) => !file.same).map(({ path }) => path);
  if (different.length === 0) return ` ${files.length === 1 ? 'The output file is' : `All ${files.length} output files are`} the recorded one${files.length === 1 ? '' : 's'}, byte for byte.`;
  return ` Of ${counted(files.length, 'output file')} ${different.length} ${different.length === 1 ? 'is' : 'are'} not the recorded one${different.length === 1 ? '' : 's'}: ${named(different)}.`;
}

interface Compared {
  readonly series: readonly SeriesDifference[];
  /** Series that only the re-execution has, or only the record. */
  readonly extra: readonly string[];
  readonly lost: readonly string[];
}

function compareAll(recorded: CommandTrace, actual: CommandTrace, context: CommandJudgeContext): Compared {
  const keys = [...recorded.series.keys()].filter(isJudged);
  const series = keys.flatMap((key) => {
    const [was, here] = [recorded.series.get(key), actual.series.get(key)];
    if (was === undefined || here === undefined) return [];
    const { relative, absolute } = allowedDifference(context.tolerance, key, context.asRecorded);
    return [compareSeries(key, was, here, relative, absolute)];
  });
  return { series, lost: keys.filter((key) => !actual.series.has(key)), extra: [...actual.series.keys()].filter((key) => isJudged(key) && !recorded.series.has(key)) };
}

function smallest(steps: readonly (number | null)[]): number | null {
  return steps.reduce((first, step) => (first === null || (step !== null && step < first) ? step : first), null);
}

function candidates(context: CommandJudgeContext): string[] {
  return context.differences.map((difference) => `Candidate, not confirmed: ${difference}.`);
}

/** Where a re-execution of the same code on the same machine can part from its record. */
function divergenceCauses(context: CommandJudgeContext): string[] {
  const environment = candidates(context);
  return environment.length > 0 ? environment : ['Candidate, not confirmed: the program draws from something else than its seed (a clock, an unseeded generator, threads, hash order, a file or service that is no declared input).'];
}

interface Finding {
  readonly verdict: Verdict;
  readonly causes: readonly string[];
  readonly sentence: string;
}

/** `The series loss, accuracy part from the record, loss first, at step 3`. */
function partingInWords(divergent: readonly SeriesDifference[]): string {
  const [first] = divergent.toSorted((a, b) => (a.firstDivergentStep ?? 0) - (b.firstDivergentStep ?? 0));
  if (first === undefined) return '';
  const steps = divergent.map(({ key, firstDivergentStep }) => `${key} at step ${firstDivergentStep}`);
  return divergent.length === 1 ? `The series ${first.key} parts from the record for the first time at step ${first.firstDivergentStep}.` : `${divergent.length} series part from the record, each for the first time: ${named(steps)}.`;
}

function judgeNumbers({ series, lost, extra }: Compared, files: readonly FileFinding[], context: CommandJudgeContext): Finding {
  const outputs = filesInWords(files);
  const largest = Math.max(0, ...series.map(({ maxRelativeDifference }) => maxRelativeDifference ?? 0));
  const points = series.reduce((sum, one) => sum + one.points, 0);
  if (series.every(({ same }) => same) && lost.length === 0 && extra.length === 0) {
    return { verdict: 'identical', causes: [], sentence: `All ${counted(points, 'point')} of ${counted(series.length, 'series')} are the recorded ones, bit for bit.${outputs}` };
  }
  const divergent = series.filter(({ firstDivergentStep }) => firstDivergentStep !== null);
  if (divergent.length > 0 || lost.length > 0) {
    const missing = lost.length === 0 ? '' : ` The re-execution logged no ${named(lost)}.`;
    const endpoint = context.asRecorded || lost.length > 0 || context.tolerance.kind === 'calibrated' ? null : series.find(({ key }) => key === context.metric);
    if (endpoint?.firstDivergentStep === null) {
      return { verdict: 'inconclusive', causes: candidates(context), sentence: `${partingInWords(divergent)} The declared metric ${endpoint.key} stays within a relative difference of ${DEFAULT_RELATIVE}, the default where nothing was measured: whether this is more than rounding cannot be told.${outputs}` };
    }
    const why = context.asRecorded ? (context.tolerance.kind === 'calibrated' ? ' That is more than the author’s own re-execution showed.' : ' Code, inputs, parameters and environment are the recorded ones, so every bit should agree.') : '';
    return { verdict: 'diverged', causes: divergenceCauses(context), sentence: `${partingInWords(divergent)}${missing}${why}${outputs}`.trim() };
  }
  if (context.asRecorded && extra.length > 0 && series.every(({ same }) => same)) {
    return { verdict: 'diverged', causes: divergenceCauses(context), sentence: `The recorded series came out as recorded, but the re-execution logged more: ${named(extra)}.${outputs}` };
  }
  const rule = context.tolerance.kind === 'calibrated' ? 'the tolerance sealed in the bundle' : `the default tolerance of ${DEFAULT_RELATIVE} (the bundle has no measured one)`;
  return {
    verdict: 'within-tolerance',
    causes: candidates(context),
    sentence: `The series differ by at most ${largest.toExponential(1)} (relative), within ${rule}.${extra.length === 0 ? '' : ` The re-execution logged more: ${named(extra)}.`}${outputs}`,
  };
}

function judgeFilesAlone(files: readonly FileFinding[], context: CommandJudgeContext): Finding {
  const outputs = filesInWords(files).trim();
  if (files.every(({ same }) => same)) return { verdict: 'identical', causes: [], sentence: `${outputs} There is no metric to compare.` };
  return { verdict: 'inconclusive', causes: candidates(context), sentence: `${outputs} There is no metric to compare, and a file can differ for a time or a path that it holds.` };
}

function findingFor(recorded: CommandTrace, actual: CommandTrace, compared: Compared, files: readonly FileFinding[], context: CommandJudgeContext): Finding {
  if (recorded.status !== 'finished') return { verdict: 'not-comparable', causes: [], sentence: `The recorded run ended as "${recorded.status}": there is no result to repeat.` };
  const nothing = [...recorded.series.keys()].filter(isJudged).length === 0;
  if (nothing && recorded.files.size === 0) return { verdict: 'not-comparable', causes: [], sentence: 'The recorded run logged no metric and kept no output: there is nothing to compare.' };
  if (actual.status !== 'finished') {
    const divergent = compared.series.filter((one) => one.firstDivergentStep !== null && one.points > 0 && one.maxRelativeDifference !== 0);
    const ended = `The re-execution ended as "${actual.status}"${actual.error === null ? '' : `: ${actual.error.replace(/\.$/u, '')}`}.`;
    return divergent.length > 0
      ? { verdict: 'diverged', causes: divergenceCauses(context), sentence: `${ended} ${partingInWords(divergent)}` }
      : { verdict: 'inconclusive', causes: candidates(context), sentence: `${ended} What it logged before agrees with the record as far as it goes.` };
  }
  return nothing ? judgeFilesAlone(files, context) : judgeNumbers(compared, files, context);
}

/**
 * Compares a re-execution with the recorded run: every judged series bit for bit; where code, inputs, packages or
 * machine are not the recorded ones, within the tolerance. Output files are compared by hash and told apart: one that
 * differs while the numbers agree does not make a divergence. Pure; NaN equals NaN.
 */
export function judgeCommandRun(recorded: CommandTrace, actual: CommandTrace | null, context: CommandJudgeContext): CommandRunVerdict {
  if (actual === null) return { verdict: 'not-executed', firstDivergentStep: null, firstDifferentStep: null, maxRelativeDifference: null, series: [], files: [], causes: [], sentence: 'This run was not re-executed.' };
  const compared = compareAll(recorded, actual, context);
  const files = fileFindings(recorded, actual);
  const { series } = compared;
  const finding = findingFor(recorded, actual, compared, files, context);
  const known = series.flatMap(({ maxRelativeDifference }) => maxRelativeDifference ?? []);
  return {
    ...finding,
    firstDivergentStep: finding.verdict === 'identical' || finding.verdict === 'within-tolerance' ? null : smallest(series.map(({ firstDivergentStep }) => firstDivergentStep)),
    firstDifferentStep: smallest(series.map(({ firstDifferentStep }) => firstDifferentStep)),
    maxRelativeDifference: known.length === 0 ? null : Math.max(...known),
    series,
    files,
  };
}
