/** Commands that look at what was trained. */
import { formatDuration, formatMeasured, formatPlain } from '../../analysis/format';
import type { RunListRow } from '../../api/views';
import { showValue } from '../../config/problems';
import { comparisonText } from '../../engine/compare';
import { print, printJson, shortHash, table } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

/** Runs that are asked for at once. */
const PAGE = 500;

export async function runs(_args: readonly string[], options: GlobalOptions & { experiment?: string }): Promise<number> {
  return withEngine(options, 'look', async (engine) => {
    const scope = options.experiment === undefined ? {} : { experiment: options.experiment };
    if (options.json === true) {
      printJson(await call(engine, 'runs.list', scope));
      return 0;
    }
    const rows: RunListRow[] = [];
    for (let total = 1; rows.length < total; ) {
      const page = await call(engine, 'runs.page', { ...scope, sort: { by: 'created', descending: false }, offset: rows.length, limit: PAGE });
      rows.push(...page.rows);
      total = page.rows.length === 0 ? 0 : page.total;
    }
    if (rows.length === 0) print(options.experiment === undefined ? 'No runs yet.' : `No runs of ${JSON.stringify(options.experiment)}.`);
    else print(listText(rows));
    return 0;
  });
}

/** One line a run; what only trainings have where there are any. */
function listText(rows: readonly RunListRow[]): string {
  const trained = rows.some(({ run }) => run.kind === 'training');
  return table(
    ['run', 'experiment', 'variant', 'seed', 'status', ...(trained ? ['steps', 'final loss', 'weights'] : []), 'metric', 'duration'],
    rows.map(({ run, metric }) => [
      run.runId,
      run.experiment,
      run.variant ?? run.name ?? '–',
      run.seed === null ? '–' : String(run.seed),
      run.status,
      ...(trained ? [run.totalSteps === null ? '–' : `${run.stepsDone}/${run.totalSteps}`, formatPlain(run.finalLoss), shortHash(run.weightsHash)] : []),
      metric === null ? '–' : `${metric.name} ${formatMeasured(metric.value)}`,
      run.startedAt === null || run.endedAt === null ? '–' : formatDuration((run.endedAt - run.startedAt) / 1000),
    ]),
  );
}

export async function compare([experiment = '']: readonly string[], options: GlobalOptions & { metric?: string }): Promise<number> {
  return withEngine(options, 'look', async (engine) => {
    const comparison = await call(engine, 'compare.experiment', { experiment, ...(options.metric === undefined ? {} : { metric: options.metric }) });
    if (options.json === true) printJson(comparison);
    else print(comparisonText(comparison));
    return 0;
  });
}

export async function diff([left = '', right = '']: readonly string[], options: GlobalOptions): Promise<number> {
  return withEngine(options, 'look', async (engine) => {
    const differences = await call(engine, 'runs.diff', { left, right });
    if (options.json === true) printJson(differences);
    else {
      const rows = (['config', 'environment', 'data'] as const).flatMap((part) => differences[part].map((entry) => [part, entry] as const));
      if (rows.length === 0) print('Config, environment and data are the same.');
      else print(table(['', 'path', left, right], rows.map(([part, entry]) => [part, entry.path, showValue(entry.left), showValue(entry.right)])));
    }
    return 0;
  });
}
