/** `reprise search`: runs that meet a filter, or groups of them. */
import { formatCount, formatPlain } from '../../analysis/format';
import { RepriseError } from '../../errors/errors';
import { parseFields, parseOrder } from '../../filter/parse';
import { caretLines, problemOf } from '../../filter/problems';
import { filterOf } from '../../filter/read';
import { print, printJson, say, table } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

export interface SearchOptions extends GlobalOptions {
  readonly order?: string;
  readonly show?: string;
  readonly limit?: number;
  readonly experiment?: string;
  readonly deleted?: boolean;
  readonly groupBy?: string;
  /** Names of parameters, with commas between; true where none was given. */
  readonly groupAllBut?: string | true;
}

type Value = string | number | null;

export async function search([filter = '']: readonly string[], options: SearchOptions): Promise<number> {
  const { order, show, limit, experiment, deleted, groupBy, groupAllBut } = options;
  const scope = { filter, ...(experiment === undefined ? {} : { experiments: [experiment] }), ...(deleted === true ? { lifecycle: 'deleted' as const } : {}), ...(limit === undefined ? {} : { limit }) };
  check(filter, filterOf);
  check(order, parseOrder);
  check(show, parseFields);
  check(groupBy, parseFields);
  return withEngine(options, 'look', async (engine) => {
    if (groupBy === undefined && groupAllBut === undefined) {
      const found = await call(engine, 'runs.search', { ...scope, ...(order === undefined ? {} : { order }), ...(show === undefined ? {} : { show }) });
      if (options.json === true) printJson(found);
      else {
        for (const note of found.notes) say(note);
        if (found.rows.length > 0) {
          print(
            table(
              ['run', 'name', 'experiment', 'status', ...found.fields],
              found.rows.map(({ run, values }) => [run.runId, run.name ?? run.variant ?? '–', run.experiment, run.status, ...values.map(shown)]),
            ),
          );
        }
        print(counted(found.rows.length, found.total, 'run'));
      }
      return 0;
    }
    const allParamsBut = groupAllBut === undefined ? undefined : names(groupAllBut);
    const found = await call(engine, 'runs.searchGroups', { ...scope, ...(groupBy === undefined ? {} : { by: groupBy }), ...(allParamsBut === undefined ? {} : { allParamsBut }), ...(order === undefined ? {} : { order }) });
    if (options.json === true) printJson(found);
    else {
      for (const note of found.notes) say(note);
      const statistics = found.metric === null ? [] : ['n', `mean ${found.metric}`, 'sd', 'min', 'max'];
      if (found.groups.length > 0) {
        print(
          table(
            [...found.fields, 'runs', ...statistics, 'newest run'],
            found.groups.map(({ values, runs, statistics: of, newest }) => [
              ...values.map(shown),
              String(runs),
              ...(of === null ? [] : [of.nan === 0 ? String(of.n) : `${of.n} + ${of.nan} NaN`, ...[of.mean, of.sd, of.min, of.max].map((value) => formatPlain(value))]),
              newest,
            ]),
          ),
        );
      }
      print(counted(found.groups.length, found.total, 'group'));
    }
    return 0;
  });
}

function names(text: string | true): string[] {
  return text === true ? ['seed'] : text.split(',').map((name) => name.trim()).filter((name) => name !== '');
}

function shown(value: Value): string {
  return value === null ? '–' : typeof value === 'number' ? formatPlain(value) : value;
}

function counted(here: number, total: number, what: string): string {
  const all = `${formatCount(total)} ${what}${total === 1 ? '' : 's'}`;
  return here === total ? `${all}.` : `The first ${formatCount(here)} of ${all}.`;
}

/** Points at the place in a text that cannot be read, before its error goes on. @throws RepriseError FILTER_INVALID */
function check(text: string | undefined, read: (text: string) => unknown): void {
  try {
    read(text ?? '');
  } catch (error) {
    const problem = error instanceof RepriseError ? problemOf(error) : null;
    if (problem !== null) for (const line of caretLines(text ?? '', problem.column)) say(line);
    throw error;
  }
}
