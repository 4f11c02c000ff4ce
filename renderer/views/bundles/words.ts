/** Verdicts in words, and a verdict as text for a review. */
import type { BundlePage, VerdictSummary, VerdictView } from '../../../src/api/views';
import * as format from '../../format';

export type Verdict = VerdictSummary['verdict'];
type JudgedRun = VerdictView['result']['runs'][number];
type EnvironmentRow = BundlePage['environment'][number];

/** From worst to best, as the engine ranks them. */
export const verdicts: readonly Verdict[] = ['diverged', 'not-comparable', 'inconclusive', 'within-tolerance', 'identical', 'not-executed'];

const WORDS: Readonly<Record<Verdict, string>> = {
  identical: 'Identical',
  'within-tolerance': 'Within tolerance',
  diverged: 'Diverged',
  inconclusive: 'Inconclusive',
  'not-executed': 'Not executed',
  'not-comparable': 'Not comparable',
};

export function verdictWord(verdict: Verdict): string {
  return WORDS[verdict];
}

/** What a verdict says, in one sentence. */
export function meaning(verdict: Verdict): string {
  switch (verdict) {
    case 'identical':
      return 'Every number that the bundle records and the re-execution made agrees, bit for bit: of a training losses, weights, metrics and files, of a command all its metrics but those of clock and machine.';
    case 'within-tolerance':
      return 'This machine has another runtime; the numbers stay inside the tolerance that was sealed in the bundle when it was exported.';
    case 'diverged':
      return 'The numbers leave what is allowed: on the same runtime every bit must agree, on another one the sealed tolerance decides.';
    case 'inconclusive':
      return 'The re-execution says too little to tell whether the recorded results hold.';
    case 'not-executed':
      return 'Nothing was run: the data are missing, the recorded run was not finished, or it was not chosen.';
    case 'not-comparable':
      return 'Record and re-execution cannot be held against each other: the data, the steps or the record itself are not what they should be.';
  }
}

/** What no verdict says. */
export const LIMITS = 'A verdict is about re-execution: whether the same configs, data and seeds give the recorded numbers here. It says nothing about other seeds or other data, nor whether the conclusions drawn from the numbers are right; the intervals over seeds are in the report. Causes are candidates, none of them confirmed.';

/** A step for people: of a training counted from 1 as the sentences count (fields and files count from 0), of a command as its program counts. */
export function step(index: number | null, kind: JudgedRun['kind']): string {
  return index === null ? '–' : format.count(kind === 'training' ? index + 1 : index);
}

/** |a − b| / max(|a|, |b|) with two digits: `0`, `0.031`, `3.1e−7`. */
export function relative(difference: number | null): string {
  if (difference === null) return '–';
  if (difference === 0) return '0';
  return difference >= 0.001 ? difference.toPrecision(2) : difference.toExponential(1).replace('-', '−');
}

/** The largest of the differences that are known. */
export function largestDifference(runs: readonly JudgedRun[]): number | null {
  const known = runs.flatMap(({ maxRelativeDifference }) => (maxRelativeDifference === null ? [] : [maxRelativeDifference]));
  // NaN does not occur: the engine counts it as the largest difference there is.
  return known.length === 0 ? null : Math.max(...known);
}

/** How many runs have which verdict, worst first; those that none has are left out. */
export function countVerdicts(runs: readonly JudgedRun[]): readonly { readonly verdict: Verdict; readonly runs: number }[] {
  return verdicts.map((verdict) => ({ verdict, runs: runs.filter((run) => run.verdict === verdict).length })).filter(({ runs }) => runs > 0);
}

/** The run a reader wants to see first: the one that diverged earliest, else the first. */
export function tellingRun(runs: readonly JudgedRun[]): JudgedRun | null {
  const diverged = runs.filter((run) => run.firstDivergentStep !== null).toSorted((a, b) => (a.firstDivergentStep ?? 0) - (b.firstDivergentStep ?? 0));
  return diverged[0] ?? runs.find((run) => run.verdict !== 'not-executed') ?? runs[0] ?? null;
}

function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', String.raw`\|`);
}

function environmentLine(rows: readonly EnvironmentRow[]): string {
  const different = rows.filter(({ same }) => !same);
  if (different.length === 0) return `as recorded (${format.plural(rows.length, 'value')} compared)`;
  return different.map(({ name, recorded, here }) => `${name} was ${recorded} and is ${here}`).join('; ');
}

/** A verdict as Markdown that reads well as plain text, too; times are UTC. */
export function summaryText({ name, file: _file, digest, createdAt, seconds, verdict, sentence, result: { runs }, environment }: VerdictView): string {
  const counts = countVerdicts(runs).map((count) => `${count.runs} ${verdictWord(count.verdict).toLowerCase()}`);
  const causes = [...new Set(runs.flatMap((run) => run.causes))];
  return [
    `## Reproduction of ${name}: ${verdictWord(verdict).toLowerCase()}`,
    '',
    sentence,
    '',
    `- Bundle digest (SHA-256): ${digest}`,
    `- Re-executed: ${new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ')} UTC, in ${format.duration(seconds * 1000)}`,
    `- Runs: ${counts.join(', ')}`,
    `- Largest relative difference${runs.every(({ kind }) => kind === 'training') ? ' of a loss' : ''}: ${relative(largestDifference(runs))}`,
    `- Environment: ${environmentLine(environment)}`,
    ...causes.map((cause) => `- ${cause}`),
    '',
    '| Variant | Seed | Verdict | First differing step | First divergent step | Largest relative difference |',
    '|---|---:|---|---:|---:|---:|',
    ...runs.map((run) => `| ${cell(run.variant ?? 'run')} | ${run.seed} | ${verdictWord(run.verdict)} | ${step(run.firstDifferentStep, run.kind)} | ${step(run.firstDivergentStep, run.kind)} | ${relative(run.maxRelativeDifference)} |`),
    '',
    LIMITS,
    '',
  ].join('\n');
}
