/** What the window begins with: all that the table of runs needs, asked for in one question while the window is still being made. */
import { answerKey, answers, call, expect } from '../../state/answers';
import { PAGE } from './page-rows';
import { FORGET_MS } from './pages';
import { FIRST_SORT, MOST_LEAVES } from './table-state';

/** Asks; the answer is found where the views look for its parts. */
export function askForOpening(): void {
  const opening = call('runs.opening', { leaves: MOST_LEAVES, sort: FIRST_SORT, limit: PAGE });
  const columnsOf = async (): Promise<Awaited<typeof opening>['columns']> => {
    const { columns, page } = await opening;
    const input = { columns: columns.varying.slice(0, MOST_LEAVES), sort: FIRST_SORT, offset: 0, limit: PAGE };
    await answers.prefetchQuery({ queryKey: answerKey('runs.page', input), queryFn: () => page, gcTime: FORGET_MS });
    return columns;
  };
  expect('experiments.list', {}, () => opening.then(({ experiments }) => experiments, () => call('experiments.list', {})));
  expect('runs.columns', {}, () => columnsOf().catch(() => call('runs.columns', {})));
}
