/** Commands that look at what was trained. */
import { formatPlain } from '../../analysis/format';
import type { RunView } from '../../api/rows';
import { showValue } from '../../config/problems';
import { comparisonText } from '../../engine/compare';
import { print, printJson, shortHash, table } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

export async function runs(_args: readonly string[], options: GlobalOptions & { experiment?: string }): Promise<number> {
  return withEngine(options, 'look', async (engine) => {
    const rows: RunView[] = await call(engine, 'runs.list', options.experiment === undefined ? {} : { experiment: options.experiment });
    if (options.json === true) {
      printJson(rows);
      return 0;
    }
    if (rows.length === 0) print(options.experiment === undefined ? 'No runs yet.' : `No runs of ${JSON.stringify(options.experiment)}.`);
    else {
      print(
        table(
          ['run', 'experiment', 'variant', 'seed', 'status', 'steps', 'final loss', 'weights'],
          rows.map((row) => [row.runId, row.experiment, row.variant ?? '–', String(row.seed ?? '–'), row.status, `${row.stepsDone}/${row.totalSteps ?? '?'}`, formatPlain(row.finalLoss), shortHash(row.weightsHash)]),
        ),
      );
    }
    return 0;
  });
}

export async function compare([experiment = '']: readonly string[], options: GlobalOptions): Promise<number> {
  return withEngine(options, 'look', async (engine) => {
    const comparison = await call(engine, 'compare.experiment', { experiment });
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
