/**
 * What re-executing a run found. Steps are numbered from 0 in every field, as `firstStep` in the event
 * log; sentences say "step 5 (index 4)" for the fifth step.
 */
import { metricOf, type MetricName } from '../config/metrics';
import type { ArtifactName } from '../events/records';
import { ARTIFACT_FILES } from '../events/manifest';
import { metricWithin, relativeDifference, within, type Tolerance } from './tolerance';
import { compareTraces, smallest, type Trace, type TraceDifference } from './trace';

/**
 * identical: the same bits. within-tolerance: inside the tolerance sealed in the bundle. diverged: outside it.
 * inconclusive: the re-execution says too little. not-executed: nothing was run.
 * not-comparable: the two are not executions of the same thing.
 */
export type Verdict = 'identical' | 'within-tolerance' | 'diverged' | 'inconclusive' | 'not-executed' | 'not-comparable';

export interface JudgeContext {
  /** Same runtime identity and training graph: the same bits are promised, so nothing is tolerated. */
  readonly sameRuntime: boolean;
  /** Whether it was trained on the recorded data; taken for true where absent. */
  readonly sameData?: boolean;
  /** Differences of the environment in words (`ONNX Runtime 1.30.0 → 1.31.0`); candidates for a cause. */
  readonly differences: readonly string[];
  readonly tolerance: Tolerance;
  /** The metric the config declared. */
  readonly metric: MetricName;
}

export interface RunVerdict {
  readonly verdict: Verdict;
  /** 0-based number of the first step outside what is allowed, or null. */
  readonly firstDivergentStep: number | null;
  /** 0-based number of the first step that differs at all, or null. */
  readonly firstDifferentStep: number | null;
  /** Largest |a − b| / max(|a|, |b|) of the losses, 0 to 2; null when nothing was compared. */
  readonly maxRelativeDifference: number | null;
  /** Largest distance of two losses in float32 values; null when nothing was compared. */
  readonly maxUlp: number | null;
  readonly metric: { readonly name: MetricName; readonly recorded: number | null; readonly actual: number | null; readonly within: boolean | null };
  readonly weightsHashEqual: boolean;
  /** Candidates, none confirmed. */
  readonly causes: readonly string[];
  /** The finding in one sentence. */
  readonly sentence: string;
}

/** The declared metric inside a sentence. */
function titleOf({ metric }: JudgeContext): string {
  return metricOf(metric).title;
}

/** A step for people: counted from 1, with the index the files use. */
export function stepInWords(index: number): string {
  return `step ${index + 1} (index ${index})`;
}

function percent(difference: number): string {
  return difference === 0 ? '0' : difference.toExponential(1);
}

interface Finding {
  readonly verdict: Verdict;
  readonly firstDivergentStep: number | null;
  readonly causes: readonly string[];
  readonly sentence: string;
}

function environmentCauses(context: JudgeContext): string[] {
  return context.differences.map((difference) => `Candidate, not confirmed: ${difference}.`);
}

function divergenceCauses(difference: TraceDifference, steps: number, context: JudgeContext): string[] {
  const causes = environmentCauses(context);
  const { firstLoss, firstWeights } = difference;
  if (firstLoss === null) {
    causes.push('Candidate, not confirmed: all losses agree and something else recorded does not; the record may have been altered.');
  } else if (firstWeights === null && difference.weightsHashEqual) {
    causes.push(`Candidate, not confirmed: the weights agree throughout and only ${difference.differentLosses} of ${steps} losses differ; the recorded losses may have been altered.`);
  } else if (firstLoss === 0) {
    causes.push('Candidate, not confirmed: the first step already differs; look at the data, the initial weights and the training graph.');
  } else {
    causes.push(`Candidate, not confirmed: ${stepInWords(firstLoss)} is the first to differ; look at the training examples it was the first to use.`);
  }
  return causes;
}

function firstOutside(recorded: Trace, actual: Trace, tolerance: Tolerance): number | null {
  const steps = Math.min(recorded.losses.length, actual.losses.length);
  const outside: number[] = [];
  const loss = recorded.losses.slice(0, steps).findIndex((value, step) => !within(tolerance, step, value, actual.losses[step]!));
  if (loss >= 0) outside.push(loss);
  // Learning rates follow from the config alone: only the rounding of one operation may differ.
  recorded.learningRates?.forEach((rate, step) => {
    const other = actual.learningRates?.[step];
    if (other !== undefined && relativeDifference(rate, other) > tolerance.floor.relative) outside.push(step);
  });
  // What was measured of losses holds for the validation loss; nothing was measured of other metrics.
  const validation = new Map(actual.validation?.map((point) => [point.step, point.loss]));
  for (const { step, loss: value } of recorded.validation ?? []) {
    const other = validation.get(step);
    const index = Math.max(0, step - 1);
    if (other !== undefined && !within(tolerance, index, value, other)) outside.push(index);
  }
  return smallest(outside);
}

/** What differs for the first time at `difference.firstStep`, in a sentence. */
function firstInWords(difference: TraceDifference, first: number): string {
  const step = stepInWords(first);
  if (difference.firstLoss === first) return `The loss differs from the recorded one for the first time at ${step}.`;
  if (difference.firstRate === first) return `The learning rate differs from the recorded one for the first time at ${step}.`;
  if (difference.firstWeights === first) return `The weights differ from the recorded ones after ${step}, at the latest.`;
  return `The validation metrics after ${step} are not the recorded ones.`;
}

function filesInWords(names: readonly ArtifactName[]): string {
  const files = names.map((name) => ARTIFACT_FILES[name]);
  return files.length === 1 ? `the file ${files[0]}` : `the files ${files.slice(0, -1).join(', ')} and ${files.at(-1)}`;
}

/** What differs though every step agrees, in a sentence. */
function endInWords(difference: TraceDifference): string {
  if (!difference.weightsHashEqual) return 'The losses are the recorded ones, the final weights are not.';
  if (!difference.metricsEqual) return 'The losses and weights are the recorded ones, the test metrics are not.';
  if (!difference.selectedStepEqual) return 'The losses and weights are the recorded ones, the selected checkpoint is not.';
  const one = difference.differentArtifacts.length === 1;
  return `The losses, weights and metrics are the recorded ones, but ${filesInWords(difference.differentArtifacts)} ${one ? 'is not the one' : 'are not those'} that the re-execution made.`;
}

/** Whether everything that both traces have is the same, bit for bit. */
function allEqual(difference: TraceDifference): boolean {
  return difference.firstStep === null && difference.weightsHashEqual && difference.metricsEqual && difference.selectedStepEqual && difference.differentArtifacts.length === 0;
}

function judgeSameRuntime(difference: TraceDifference, steps: number, context: JudgeContext): Finding {
  const first = difference.firstStep;
  const what = first === null ? endInWords(difference) : firstInWords(difference, first);
  return {
    verdict: 'diverged',
    firstDivergentStep: first,
    causes: divergenceCauses(difference, steps, context),
    sentence: `${what} On the same runtime every bit must agree.`,
  };
}

function judgeOtherRuntime(recorded: Trace, actual: Trace, difference: TraceDifference, endpoint: boolean | null, context: JudgeContext): Finding {
  const { tolerance } = context;
  const outside = firstOutside(recorded, actual, tolerance);
  const steps = Math.min(recorded.losses.length, actual.losses.length);
  const measured = tolerance.kind === 'calibrated' ? 'the tolerance sealed in the bundle' : 'the default tolerance (the bundle has no calibrated one)';
  const size = percent(difference.maxRelativeDifference ?? 0);
  if (outside === null && endpoint === null) {
    return {
      verdict: 'inconclusive',
      firstDivergentStep: null,
      causes: environmentCauses(context),
      sentence: `On another runtime, losses differ by at most ${size} (relative), within ${measured}, but there is no ${titleOf(context)} on the test split to compare.`,
    };
  }
  if (outside === null && endpoint === true) {
    // With equal weights hashes another file is no matter of rounding.
    const files = difference.weightsHashEqual && difference.differentArtifacts.length > 0 ? ` But ${filesInWords(difference.differentArtifacts)} of the bundle is not what the re-execution made.` : '';
    return {
      verdict: 'within-tolerance',
      firstDivergentStep: null,
      causes: environmentCauses(context),
      sentence: `On another runtime, losses differ by at most ${size} (relative) and the ${titleOf(context)} agrees: within ${measured}.${files}`,
    };
  }
  if (outside === null) {
    return {
      verdict: 'diverged',
      firstDivergentStep: null,
      causes: environmentCauses(context),
      sentence: `The losses stay within ${measured}, but the ${titleOf(context)} on the test split does not.`,
    };
  }
  const causes = divergenceCauses(difference, steps, context);
  if (tolerance.kind === 'default' && endpoint !== false) {
    return {
      verdict: 'inconclusive',
      firstDivergentStep: outside,
      causes,
      sentence: `On another runtime, the trace leaves ${measured} at ${stepInWords(outside)} while ${endpoint === null ? `there is no ${titleOf(context)} to compare` : `the ${titleOf(context)} agrees`}: whether this is more than rounding cannot be told.`,
    };
  }
  return {
    verdict: 'diverged',
    firstDivergentStep: outside,
    causes,
    sentence: `On another runtime, the trace leaves ${measured} at ${stepInWords(outside)}${endpoint === true ? `, although the ${titleOf(context)} agrees` : ''}.`,
  };
}

function judgeFinished(recorded: Trace, actual: Trace, difference: TraceDifference, endpoint: boolean | null, context: JudgeContext): Finding {
  const steps = recorded.losses.length;
  if (steps !== actual.losses.length && (difference.firstStep === null || !context.sameRuntime)) {
    return {
      verdict: 'not-comparable',
      firstDivergentStep: null,
      causes: [],
      sentence: `The recorded run has ${steps} steps and its re-execution ${actual.losses.length}: they are not executions of the same run.`,
    };
  }
  if (allEqual(difference)) {
    return { verdict: 'identical', firstDivergentStep: null, causes: [], sentence: `All ${steps} losses, the weights and the test metrics are the recorded ones, bit for bit.` };
  }
  return context.sameRuntime ? judgeSameRuntime(difference, steps, context) : judgeOtherRuntime(recorded, actual, difference, endpoint, context);
}

function judgeUnfinished(recorded: Trace, actual: Trace, difference: TraceDifference, context: JudgeContext): Finding {
  const outside = context.sameRuntime ? difference.firstStep : firstOutside(recorded, actual, context.tolerance);
  if (outside !== null) {
    return {
      verdict: 'diverged',
      firstDivergentStep: outside,
      causes: divergenceCauses(difference, Math.min(recorded.losses.length, actual.losses.length), context),
      sentence: `The re-execution ended as "${actual.status}", and before that its trace departs from the recorded one at ${stepInWords(outside)}.`,
    };
  }
  return {
    verdict: 'inconclusive',
    firstDivergentStep: null,
    causes: environmentCauses(context),
    sentence: `The re-execution ended as "${actual.status}" after ${actual.losses.length} of ${recorded.losses.length} steps, which agree as far as they go.`,
  };
}

function findingFor(recorded: Trace, actual: Trace | null, difference: TraceDifference | null, endpoint: boolean | null, context: JudgeContext): Finding {
  if (actual === null || difference === null) {
    return { verdict: 'not-executed', firstDivergentStep: null, causes: [], sentence: 'This run was not re-executed.' };
  }
  if (recorded.status !== 'finished' || recorded.losses.length === 0) {
    return {
      verdict: 'not-comparable',
      firstDivergentStep: null,
      causes: [],
      sentence: `The recorded run ended as "${recorded.status}" after ${recorded.losses.length} steps: there is no result to repeat.`,
    };
  }
  if (context.sameData === false && !context.sameRuntime) {
    return {
      verdict: 'not-comparable',
      firstDivergentStep: null,
      causes: environmentCauses(context),
      sentence: 'The re-execution trained on other data than the recorded run, and on another runtime: what differs for which reason cannot be told.',
    };
  }
  return actual.status === 'finished' ? judgeFinished(recorded, actual, difference, endpoint, context) : judgeUnfinished(recorded, actual, difference, context);
}

/**
 * Compares a re-execution with the recorded run. Identical bits are `identical` everywhere; otherwise
 * nothing is tolerated on the same runtime, and the sealed tolerance decides on another one, over the
 * losses of all steps and, apart from them, the declared metric. Pure; NaN equals NaN.
 */
export function judgeRun(recorded: Trace, actual: Trace | null, context: JudgeContext): RunVerdict {
  const difference = actual === null ? null : compareTraces(recorded, actual);
  const metricRecorded = recorded.metrics?.[context.metric] ?? null;
  const metricActual = actual?.metrics?.[context.metric] ?? null;
  const endpoint =
    metricRecorded === null || metricActual === null
      ? null
      : context.sameRuntime
        ? Object.is(metricRecorded, metricActual)
        : metricWithin(context.tolerance, context.metric, metricRecorded, metricActual);
  return {
    ...findingFor(recorded, actual, difference, endpoint, context),
    firstDifferentStep: difference?.firstStep ?? null,
    maxRelativeDifference: difference?.maxRelativeDifference ?? null,
    maxUlp: difference?.maxUlp ?? null,
    metric: { name: context.metric, recorded: metricRecorded, actual: metricActual, within: endpoint },
    weightsHashEqual: difference?.weightsHashEqual ?? false,
  };
}

export interface StudyVerdict {
  readonly verdict: Verdict;
  /** How many runs have each verdict. */
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly sentence: string;
}

/** From worst to best: the first one present is the study's. `not-executed` decides only where nothing else is there. */
const WORST_FIRST: readonly Verdict[] = ['diverged', 'not-comparable', 'inconclusive', 'within-tolerance', 'identical', 'not-executed'];

function runsInWords(count: number): string {
  return count === 1 ? '1 run' : `${count} runs`;
}

type StudyRun = Pick<RunVerdict, 'verdict' | 'firstDivergentStep'>;

function studySentence(verdict: Verdict, counts: Readonly<Record<Verdict, number>>, runs: readonly StudyRun[], kind: 'training' | 'command'): string {
  const executed = runs.length - counts['not-executed'];
  const of = executed < runs.length ? `${executed} of ${runsInWords(runs.length)}` : executed === 1 ? 'the run' : `all ${runsInWords(executed)}`;
  /** `Re-executing all 4 runs: 2 runs did not …`; with a single run there is nothing to count. */
  const found = (count: number, finding: string): string => (runs.length === 1 ? `Re-executing the run ${finding}` : `Re-executing ${of}: ${runsInWords(count)} ${finding}`);
  switch (verdict) {
    case 'identical':
      return `Re-executing ${of} gave the recorded ${kind === 'training' ? 'losses, weights and metrics' : 'metrics'}, bit for bit.`;
    case 'within-tolerance':
      return `Re-executing ${of} gave the recorded results within the tolerance sealed in the bundle${counts.identical === 0 ? '' : ` (${counts.identical} of them bit for bit)`}.`;
    case 'diverged': {
      const steps = runs.flatMap((run) => (run.verdict === 'diverged' && run.firstDivergentStep !== null ? [run.firstDivergentStep] : []));
      const least = Math.min(...steps);
      // Commands number their steps themselves.
      const first = kind === 'training' ? stepInWords(least) : `step ${least}`;
      const earliest = steps.length === 0 ? '' : runs.length === 1 ? `, from ${first} on` : `, the earliest at ${first}`;
      return `${found(counts.diverged, 'did not give the recorded results')}${earliest}.`;
    }
    case 'not-comparable':
      return `${found(counts['not-comparable'], 'gave nothing that can be compared with the record')}.`;
    case 'inconclusive':
      return `${found(counts.inconclusive, 'did not show whether the recorded results hold')}.`;
    case 'not-executed':
      return 'Nothing was re-executed.';
  }
}

/**
 * The verdict over the runs of a bundle: the worst of those executed, with one sentence for a reviewer. Runs that were
 * not executed belong in `runs` too, as `not-executed`: the sentence counts them.
 * @param kind `command` as soon as one of the runs is a command
 */
export function judgeStudy(runs: readonly StudyRun[], kind: 'training' | 'command' = 'training'): StudyVerdict {
  const counts: Record<Verdict, number> = { identical: 0, 'within-tolerance': 0, diverged: 0, inconclusive: 0, 'not-executed': 0, 'not-comparable': 0 };
  for (const run of runs) counts[run.verdict]++;
  const verdict = WORST_FIRST.find((candidate) => counts[candidate] > 0) ?? 'not-executed';
  return { verdict, counts, sentence: studySentence(verdict, counts, runs, kind) };
}
