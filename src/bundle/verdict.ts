/**
 * What re-executing a run found. Steps are numbered from 0 in every field, as `firstStep` in the event
 * log; sentences say "step 5 (index 4)" for the fifth step.
 */
import type { MetricName } from '../config/schema';
import { metricWithin, within, type Tolerance } from './tolerance';
import { compareTraces, type Trace, type TraceDifference } from './trace';

/**
 * identical: the same bits. within-tolerance: inside the tolerance sealed in the bundle. diverged: outside it.
 * inconclusive: the re-execution says too little. not-executed: nothing was run.
 * not-comparable: the two are not executions of the same thing.
 */
export type Verdict = 'identical' | 'within-tolerance' | 'diverged' | 'inconclusive' | 'not-executed' | 'not-comparable';

export interface JudgeContext {
  /** Same compute hash: the same bits are promised, so nothing is tolerated. */
  readonly sameRuntime: boolean;
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
    causes.push('Candidate, not confirmed: all losses agree and the weights or metrics do not; the recorded hashes or metrics may have been altered.');
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
  for (let step = 0; step < steps; step++) {
    if (!within(tolerance, step, recorded.losses[step]!, actual.losses[step]!)) return step;
  }
  return null;
}

function judgeSameRuntime(difference: TraceDifference, steps: number, context: JudgeContext): Finding {
  const first = difference.firstStep;
  const what =
    first === null
      ? difference.weightsHashEqual
        ? 'The losses and weights are the recorded ones, the test metrics are not.'
        : 'The losses are the recorded ones, the final weights are not.'
      : difference.firstLoss === first
        ? `The loss differs from the recorded one for the first time at ${stepInWords(first)}.`
        : `The weights differ from the recorded ones after ${stepInWords(first)}, at the latest.`;
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
  if (outside === null && endpoint !== false) {
    return {
      verdict: 'within-tolerance',
      firstDivergentStep: null,
      causes: environmentCauses(context),
      sentence: `On another runtime, losses differ by at most ${size} (relative) and the ${context.metric} agrees: within ${measured}.`,
    };
  }
  if (outside === null) {
    return {
      verdict: 'diverged',
      firstDivergentStep: null,
      causes: environmentCauses(context),
      sentence: `The losses stay within ${measured}, but the ${context.metric} on the test split does not.`,
    };
  }
  const causes = divergenceCauses(difference, steps, context);
  if (tolerance.kind === 'default' && endpoint === true) {
    return {
      verdict: 'inconclusive',
      firstDivergentStep: outside,
      causes,
      sentence: `On another runtime, the loss leaves ${measured} at ${stepInWords(outside)} while the ${context.metric} agrees: whether this is more than rounding cannot be told.`,
    };
  }
  return {
    verdict: 'diverged',
    firstDivergentStep: outside,
    causes,
    sentence: `On another runtime, the loss leaves ${measured} at ${stepInWords(outside)}${endpoint === true ? `, although the ${context.metric} agrees` : ''}.`,
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
  if (difference.firstStep === null && difference.weightsHashEqual && difference.metricsEqual) {
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
        : metricWithin(context.tolerance, metricRecorded, metricActual);
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

function studySentence(verdict: Verdict, counts: Readonly<Record<Verdict, number>>, runs: readonly RunVerdict[]): string {
  const executed = runs.length - counts['not-executed'];
  const of = executed < runs.length ? `${executed} of ${runsInWords(runs.length)}` : executed === 1 ? 'the run' : `all ${runsInWords(executed)}`;
  /** `Re-executing all 4 runs: 2 runs did not …`; with a single run there is nothing to count. */
  const found = (count: number, finding: string): string => (runs.length === 1 ? `Re-executing the run ${finding}` : `Re-executing ${of}: ${runsInWords(count)} ${finding}`);
  switch (verdict) {
    case 'identical':
      return `Re-executing ${of} gave the recorded losses, weights and metrics, bit for bit.`;
    case 'within-tolerance':
      return `Re-executing ${of} gave the recorded results within the tolerance sealed in the bundle${counts.identical === 0 ? '' : ` (${counts.identical} of them bit for bit)`}.`;
    case 'diverged': {
      const steps = runs.flatMap((run) => (run.verdict === 'diverged' && run.firstDivergentStep !== null ? [run.firstDivergentStep] : []));
      const first = stepInWords(Math.min(...steps));
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
 */
export function judgeStudy(runs: readonly RunVerdict[]): StudyVerdict {
  const counts: Record<Verdict, number> = { identical: 0, 'within-tolerance': 0, diverged: 0, inconclusive: 0, 'not-executed': 0, 'not-comparable': 0 };
  for (const run of runs) counts[run.verdict]++;
  const verdict = WORST_FIRST.find((candidate) => counts[candidate] > 0) ?? 'not-executed';
  return { verdict, counts, sentence: studySentence(verdict, counts, runs) };
}
