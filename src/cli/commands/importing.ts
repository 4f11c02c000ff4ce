/** Commands that bring runs of other programs in, and take runs out in their forms. */
import { extname } from 'node:path';
import { exportFormat, importFormat } from '../../api/imports';
import { RepriseError } from '../../errors/errors';
import { print, printJson, say } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

interface ImportOptions extends GlobalOptions {
  readonly format?: string;
  readonly experiment?: string;
  readonly metric?: readonly string[];
  readonly rows?: string;
  readonly dryRun?: boolean;
}

function choice<T extends string>(option: string, given: string | undefined, allowed: readonly T[]): T | undefined {
  if (given === undefined) return undefined;
  const known = allowed.find((one) => one === given);
  if (known === undefined) throw new RepriseError('OPTION_UNKNOWN', `${option} is ${JSON.stringify(given)}, must be one of ${allowed.join(', ')}.`, { kind: 'input' });
  return known;
}

const ROWS = ['runs', 'points'] as const;
const counted = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

export async function importCommand([path = '']: readonly string[], options: ImportOptions): Promise<number> {
  const format = choice('--format', options.format, importFormat.options);
  const rows = choice('--rows', options.rows, ROWS);
  return withEngine(options, 'fill', async (engine) => {
    const result = await call(engine, 'runs.import', {
      path,
      ...(format === undefined ? {} : { format }),
      ...(options.experiment === undefined ? {} : { experiment: options.experiment }),
      ...(options.metric === undefined ? {} : { metrics: [...options.metric] }),
      ...(rows === undefined ? {} : { rows }),
      dryRun: options.dryRun === true,
    });
    if (options.json === true) printJson(result);
    else {
      const of = (outcome: (typeof result.runs)[number]['outcome']): number => result.runs.filter((run) => run.outcome === outcome).length;
      const experiments = [...new Set(result.runs.map((run) => run.experiment))];
      const broken = of('broken') > 0 ? `, ${of('broken')} could not be read to the end` : '';
      print(`${options.dryRun === true ? 'would import' : 'imported'} ${counted(of('new') + of('updated'), 'run')} (${result.format})${of('present') > 0 ? `; ${of('present')} ${of('present') === 1 ? 'was' : 'were'} here already` : ''}${broken}`);
      if (experiments.length > 0) print(`${experiments.length === 1 ? 'experiment ' : 'experiments'}  ${experiments.join(', ')}`);
      for (const problem of result.problems) say(`  ${problem.path}: ${problem.message}`);
    }
    return result.runs.some((run) => run.outcome === 'broken') ? 1 : 0;
  });
}

/** What a file's name asks for; a name without an ending is that of MLflow's folder. */
function formatByName(out: string): string {
  return extname(out).slice(1).toLowerCase() || 'mlruns';
}

export async function exportRuns([target = '']: readonly string[], options: GlobalOptions & { readonly out: string; readonly format?: string; readonly rows?: string; readonly force?: boolean }): Promise<number> {
  const format = choice('--format', options.format ?? formatByName(options.out), exportFormat.options) ?? 'mlruns';
  const rows = choice('--rows', options.rows, ROWS);
  return withEngine(options, 'look', async (engine) => {
    const result = await call(engine, 'runs.export', { target, format, out: options.out, overwrite: options.force === true, ...(rows === undefined ? {} : { rows }) });
    if (options.json === true) printJson(result);
    else {
      print(`${counted(result.runs, 'run')}${result.points > 0 ? `, ${counted(result.points, 'point')}` : ''}${result.files > 0 ? `, ${counted(result.files, 'file')}` : ''}  ${result.out}`);
      for (const { from, to } of result.renamed) say(`  ${from} is called ${to} there`);
    }
    return 0;
  });
}
