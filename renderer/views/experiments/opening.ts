/** What the window begins with: all that the table of runs needs, in one answer, which the preload asked for ahead. */
import { opening } from '../../../src/api/opening';
import { answerKey, answers, call, expect } from '../../state/answers';
import { PAGE } from './page-rows';
import { FORGET_MS } from './pages';
import { FIRST_SORT, MOST_LEAVES } from './table-state';

/** Asks; the answer is found where the views look for its parts. Settles when it is there, and never rejects. */
export async function askForOpening(): Promise<void> {
  const answered = call('runs.opening', opening);
  const columnsOf = async (): Promise<Awaited<typeof answered>['columns']> => {
    const { columns, page } = await answered;
    const input = { columns: columns.varying.slice(0, MOST_LEAVES), sort: FIRST_SORT, offset: 0, limit: PAGE };
    await answers.prefetchQuery({ queryKey: answerKey('runs.page', input), queryFn: () => page, gcTime: FORGET_MS });
    return columns;
  };
  await Promise.all([
    expect('experiments.list', {}, () => answered.then(({ experiments }) => experiments, () => call('experiments.list', {}))),
    expect('runs.columns', {}, () => columnsOf().catch(() => call('runs.columns', {}))),
  ]);
}
