/** Metrics in what a command prints and in the file it may write them to. */
import { outputLineSchema, type OutputLine } from '../../events/command-run';
import type { Tail } from '../tail/types';
import { pointsInJson } from './json-points';
import { LinesTail } from './lines-tail';
import { Patterns, type MetricPattern } from './patterns';

export interface OutputMetrics {
  /** Lines of the standard output that are JSON objects of numbers are metrics. */
  readonly output: boolean;
  readonly patterns: readonly MetricPattern[];
}

function outputLine(text: string): OutputLine | null {
  try {
    return outputLineSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Follows the output that a supervisor keeps. Patterns are looked for in both streams, JSON in the standard output. */
export function outputTail(file: string, metrics: OutputMetrics, position?: string): Tail {
  const patterns = new Patterns(metrics.patterns);
  return new LinesTail(file, (texts, steps, into) => {
    const lines = texts.map(outputLine).filter((line): line is OutputLine => line !== null && line.stream !== 'note');
    const matched = patterns.pointsIn(lines.map(({ text }) => text));
    for (const [index, { text, time, stream }] of lines.entries()) {
      const json = metrics.output && stream === 'stdout' ? (pointsInJson(text, true) ?? []) : [];
      steps.collect([...json, ...(matched[index] ?? [])], time, into);
    }
    for (const complaint of patterns.complaints()) into.note('warning', complaint);
  }, position);
}

/** Follows the file that REPRISE_METRICS names: one JSON object a line. */
export function metricsTail(file: string, position?: string): Tail {
  let complained = false;
  return new LinesTail(file, (lines, steps, into) => {
    const now = Date.now();
    for (const line of lines) {
      const points = pointsInJson(line, false);
      if (points !== null) steps.collect(points, now, into);
      else if (!complained) {
        complained = true;
        into.note('warning', `A line of the file that REPRISE_METRICS names is no JSON object with numbers and is passed over, as are others like it: ${line.slice(0, 200)}`);
      }
    }
  }, position);
}
