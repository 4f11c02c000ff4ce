/** The command that says how fit a run or a config is to be repeated. */
import { statSync } from 'node:fs';
import type { Score, ScoreFact } from '../../api/provenance';
import { print, printJson } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

const MARKS: Readonly<Record<ScoreFact['state'], string>> = { good: '✓', missing: '–', bad: '✗' };

function lineOf({ state, title, found, fix, good, of, weight }: ScoreFact): string {
  const share = of > 1 && good < of ? ` (${String(good)} of ${String(of)} runs)` : '';
  return `  ${MARKS[state]} ${title}${share}: ${found}${fix === null ? '' : `\n      ${String(weight)} ${weight === 1 ? 'point' : 'points'}: ${fix}`}`;
}

/** The score as lines for a terminal. */
export function scoreText({ kind, name, runs, score, least, facts, quality }: Score): string {
  const of = kind === 'config' ? `the config of ${name}, before it runs` : runs > 1 ? `${name}, mean of ${String(runs)} runs, least ${least.toFixed(0)}` : name;
  const groups = [...new Set(facts.map(({ group }) => group))];
  return [
    `Reproducibility ${score.toFixed(0)} of 100: ${of}`,
    ...groups.flatMap((group) => ['', group, ...facts.filter((fact) => fact.group === group).map(lineOf)]),
    '',
    ...quality.flatMap((metric) => [`${metric.name} ${metric.percent.toFixed(0)} %${metric.missing.length === 0 ? '' : `; missing: ${metric.missing.join(', ')}`}`, `  ${metric.definition}`]),
  ].join('\n');
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** A file is a config or a study before it runs; all else names a run or an experiment. */
export async function score([target = '']: readonly string[], options: GlobalOptions): Promise<number> {
  const answer = await (isFile(target)
    ? withEngine(options, 'scratch', (engine) => call(engine, 'config.score', { config: target }))
    : withEngine(options, 'look', (engine) => call(engine, 'runs.score', { target })));
  if (options.json === true) printJson(answer);
  else print(scoreText(answer));
  return 0;
}
