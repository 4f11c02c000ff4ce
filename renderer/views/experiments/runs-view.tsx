/** Runs of one experiment, or of all: the table, what is above and below it, and what can be done with the selection. */
import { lazy, useCallback, useDeferredValue, useMemo, useRef, useState } from 'react';
import { Button } from '@mantine/core';
import type { Output } from '../../../src/api/contract';
import type { RunGroup } from '../../../src/api/views';
import { ExportButton } from '../../components/export-button';
import { AfterPaint } from '../../components/after-paint';
import { Empty, Failure, Loading } from '../../components/messages';
import { countsInWords } from '../../components/state-counts';
import { count, plural } from '../../format';
import { View } from '../../frame/view';
import { writeReport } from '../../report';
import { useAnswer } from '../../state/answers';
import { useCommand } from '../../state/commands';
import { go } from '../../state/place';
import { cancelRuns, retryRuns } from './actions';
import { deleteRuns, redoDeletion, undoDeletion, useDeletions } from './deletions';
import { ExperimentList } from './experiment-list';
import { groupName } from './group-order';
import { GroupsTable } from './groups-table';
import { inspectorTitle, NoRun, OneRun, SeveralRuns, type RunAction, type RunActions } from './inspector';
import type { RunsFilter } from './page-rows';
import { useRunPages } from './pages';
import { MoreMenu } from './more-menu';
import { RunsTable } from './runs-table';
import { can, idsWhere } from './selection';
import { changeTable, MOST_LEAVES, statuses, useTableState, useVisibility, type RunStatus } from './table-state';
import { Constants, RunsToolbar, type Hideable } from './toolbar';
import { useSelection } from './use-selection';
import { leafNames, metricTitle } from './values';

const RunsMenu = lazy(async () => ({ default: (await import('./runs-menu')).RunsMenu }));

/** The engine answers with no more leaves at once. */
const MOST_ASKED = 40;

interface RunsViewProps {
  readonly experiment: string | null;
  readonly experiments: Output<'experiments.list'>;
}

const undo = (): void => void undoDeletion();
const redo = (): void => void redoDeletion();

/** Counts of several experiments together. */
function summed(experiments: Output<'experiments.list'>): { readonly runs: number; readonly byStatus: Partial<Record<RunStatus, number>>; readonly updatedAt: number } {
  const byStatus: Partial<Record<RunStatus, number>> = {};
  for (const row of experiments) for (const status of statuses) byStatus[status] = (byStatus[status] ?? 0) + (row.byStatus[status] ?? 0);
  return { runs: experiments.reduce((sum, { runs }) => sum + runs, 0), byStatus, updatedAt: Math.max(...experiments.map((row) => row.updatedAt)) };
}

/** The name of a variant may look like a comparison: in quotes it is words. */
function quotedWord(text: string): string {
  return /^[\w.-]+$/u.test(text) ? text : `"${text.replaceAll('"', '""')}"`;
}

/** Puts the focus back into the table's current row. */
function focusTable(): void {
  document.querySelector<HTMLElement>('.grid-row[tabindex="0"]')?.focus();
}

export function RunsView(props: RunsViewProps) {
  const { experiment } = props;
  const columns = useAnswer('runs.columns', experiment === null ? {} : { experiment }, { keep: true });
  if (columns.data !== undefined) return <Shown {...props} columns={columns.data} />;
  return (
    <View title={experiment ?? 'All runs'}>
      {columns.isError ? <Failure title="The runs could not be read" error={columns.error} onRetry={() => void columns.refetch()} /> : <Loading text="Reading the runs…" />}
    </View>
  );
}

function Shown({ experiment, experiments, columns }: RunsViewProps & { readonly columns: Output<'runs.columns'> }) {
  const state = useTableState(experiment);
  const { text, status, sort, grouped } = state;
  const chosen = useVisibility();
  const withExperiment = experiment === null && experiments.length > 1;

  const leafIds = useMemo(() => columns.varying.map((path) => `config:${path}`), [columns]);
  const shown = experiments.find((row) => row.name === experiment) ?? null;
  const isActive = (shown === null ? experiments : [shown]).some(({ byStatus }) => (byStatus.running ?? 0) + (byStatus.queued ?? 0) + (byStatus.interrupted ?? 0) > 0);
  // Programs of other people have no loss and no weights that we know of.
  const trained = columns.metric === null || columns.metric.startsWith('test ');
  const visibility = useMemo((): Readonly<Record<string, boolean>> => ({ progress: isActive, loss: trained, weights: trained, ...Object.fromEntries(leafIds.slice(MOST_LEAVES).map((id) => [id, false])), ...chosen }), [isActive, trained, leafIds, chosen]);
  const paths = useMemo(() => columns.varying.filter((path) => visibility[`config:${path}`] !== false).slice(0, MOST_ASKED), [columns, visibility]);
  const hideable = useMemo((): readonly Hideable[] => {
    const names = leafNames(columns.varying);
    return [
      { id: 'variant', title: 'Variant' },
      { id: 'seed', title: 'Seed' },
      { id: 'metric', title: metricTitle(columns.metric) },
      { id: 'loss', title: 'Final loss' },
      { id: 'progress', title: 'Progress' },
      ...columns.varying.map((path) => ({ id: `config:${path}`, title: names.get(path) ?? path })),
      { id: 'duration', title: 'Duration' },
      { id: 'created', title: 'Started' },
      { id: 'weights', title: 'Weights' },
    ];
  }, [columns]);

  const words = useMemo(() => ({ ...(experiment === null ? {} : { experiment }), ...(text.trim() === '' ? {} : { text: text.trim() }) }), [experiment, text]);
  const matching = useMemo(() => ({ ...words, ...(status.length === 0 ? {} : { status: [...status] }) }), [words, status]);
  const filter = useMemo((): RunsFilter => ({ ...matching, columns: paths, sort }), [matching, paths, sort]);
  const { runs: answered, stale, failed, want } = useRunPages(filter);
  // Many cells are made when rows come: in pieces, so that keys and the pointer are answered in between.
  const runs = useDeferredValue(answered);
  const selecting = useSelection(runs, filter);
  const { selection, rows, clear } = selecting;
  // With states chosen a page tells only of those; the others' counts are asked for apart.
  const unchosen = useAnswer('runs.page', status.length === 0 ? null : { ...words, offset: 0, limit: 1 }, { keep: true });
  const groups = useAnswer('runs.groups', grouped ? { ...matching, columns: paths } : null, { keep: true });
  const byStatus = (status.length === 0 ? runs?.byStatus : unchosen.data?.byStatus) ?? null;

  const change = useCallback((next: Parameters<typeof changeTable>[1]) => changeTable(experiment, next), [experiment]);
  const narrow = useCallback(
    (next: { readonly text?: string; readonly status?: typeof status }) => {
      clear();
      change(next);
    },
    [clear, change],
  );
  const openGroup = useCallback((group: RunGroup) => change({ grouped: false, text: quotedWord(groupName(group)) }), [change]);

  const actions = useMemo((): RunActions => {
    const action = (ids: readonly string[], act: (ids: readonly string[]) => void): RunAction | null => (ids.length === 0 ? null : { count: ids.length, do: () => act(ids) });
    const ids = [...selection.rows.keys()];
    return {
      cancel: action(idsWhere(selection, can.cancel), (runs) => void cancelRuns(runs)),
      retry: action(idsWhere(selection, can.retry), (runs) => void retryRuns(runs)),
      remove: action(idsWhere(selection, can.delete), (runs) => {
        void deleteRuns(runs).then((gone) => {
          if (gone) clear();
        });
      }),
      compare: ids.length < 2 || ids.length > 6 ? null : action(ids, (runs) => go({ view: 'side-by-side', runs })),
    };
  }, [selection, clear]);
  useCommand('run.cancel', actions.cancel?.do ?? null);
  useCommand('run.retry', actions.retry?.do ?? null);
  useCommand('run.delete', actions.remove?.do ?? null);
  useCommand('run.compare', actions.compare?.do ?? null);
  useCommand('edit.undo', useDeletions(({ done }) => done.length > 0) ? undo : null);
  useCommand('edit.redo', useDeletions(({ undone }) => undone.length > 0) ? redo : null);

  const field = useRef<HTMLInputElement>(null);
  useCommand('edit.find', useCallback(() => field.current?.select(), []));

  const single = rows.length === 1 ? rows[0]?.run : undefined;
  const target = experiment ?? single?.runId ?? null;
  const name = experiment ?? single?.reproductionId ?? '';
  // What another program logged cannot be executed again.
  const executable = experiment === null ? single?.kind !== 'logged' : shown?.executable !== false;
  const exportBundle = useMemo(() => (target === null || !executable ? null : () => go({ view: 'export', target })), [target, executable]);
  useCommand('bundle.export', exportBundle);
  useCommand('report.write', useMemo(() => (target === null ? null : () => void writeReport(target, name)), [target, name]));

  const exportRuns = useMemo(() => (target === null ? null : () => go({ view: 'export-runs', target, name })), [target, name]);
  useCommand('runs.export', exportRuns);

  const [menu, setMenu] = useState<{ readonly x: number; readonly y: number } | null>(null);
  const total = runs?.total ?? 0;
  const narrowed = text.trim() !== '' || status.length > 0;

  const content = (): React.ReactNode => {
    if (failed !== null && runs === null) return <Failure title="The runs could not be read" error={failed.error} onRetry={() => void failed.refetch()} />;
    if (grouped && groups.isError) return <Failure title="The runs could not be grouped" error={groups.error} onRetry={() => void groups.refetch()} />;
    if (runs === null || (grouped && groups.data === undefined)) return <Loading text="Reading the runs…" />;
    if (runs.total === 0 && !stale) {
      return narrowed ? (
        <Empty title="No run meets the filter" action={<Button onClick={() => narrow({ text: '', status: [] })}>Show all runs</Button>}>
          Every word must occur in experiment, variant, seed, state or a hash; a comparison is not met by runs that lack what it compares.
        </Empty>
      ) : (
        <Empty title="No runs here" action={<Button onClick={() => go({ view: 'experiments' })}>Show all runs</Button>}>
          This experiment has no runs any more.
        </Empty>
      );
    }
    if (grouped && groups.data !== undefined) {
      return (
        <GroupsTable
          table={experiment ?? ''}
          answer={groups.data}
          stale={groups.isPlaceholderData}
          withExperiment={withExperiment}
          metric={columns.metric}
          paths={paths}
          visibility={visibility}
          sort={state.groupSort}
          onSort={(groupSort) => change({ groupSort })}
          onOpen={openGroup}
        />
      );
    }
    return (
      <RunsTable
        table={experiment ?? ''}
        runs={runs}
        stale={stale}
        want={want}
        withExperiment={withExperiment}
        metric={columns.metric}
        visibility={visibility}
        sort={sort}
        onSort={(next) => change({ sort: next })}
        selecting={selecting}
        onDelete={() => actions.remove?.do()}
        onMenu={setMenu}
      />
    );
  };

  const method = grouped ? (groups.data?.method ?? null) : null;
  // As elements that stay the same while pages come and go, so that they are not made anew with each.
  const inspected = useMemo(() => {
    const [first] = rows;
    if (first === undefined || grouped) return <NoRun {...summed(shown === null ? experiments : [shown])} metric={columns.metric} method={method} />;
    return rows.length === 1 ? <OneRun row={first} actions={actions} /> : <SeveralRuns rows={rows} actions={actions} />;
  }, [rows, grouped, shown, experiments, columns, method, actions]);
  const buttons = useMemo(
    () => (
      <>
        <MoreMenu experiment={experiment} />
        {experiment !== null && shown !== null && (
          <>
            <ExportButton variant="default" onExport={exportBundle} />
            <Button onClick={() => go({ view: 'compare', experiment })}>Compare</Button>
          </>
        )}
      </>
    ),
    [experiment, shown, exportBundle],
  );

  return (
    <View
      fixed
      title={experiment ?? 'All runs'}
      subtitle={shown === null ? plural(experiments.length, 'experiment') : countsInWords(shown.byStatus)}
      actions={buttons}
      inspector={{ title: grouped ? (experiment ?? 'All runs') : inspectorTitle(rows, experiment), content: inspected, selected: !grouped && rows.length > 0 }}
    >
      <div className="runs-layout">
        <ExperimentList experiments={experiments} shown={experiment} />
        <div className="runs-main">
          <RunsToolbar experiments={experiments} experiment={experiment} field={field} byStatus={byStatus} columns={hideable} visibility={visibility} onNarrow={narrow} onLeave={focusTable} />
          {content()}
          <footer className="runs-foot">
            <p role="status">
              {grouped && groups.data !== undefined ? `${plural(groups.data.groups.length, 'variant')} of ${plural(total, 'run')}` : plural(total, 'run')}
              {narrowed && ' met by the filter'}
              {!grouped && rows.length > 0 && ` · ${count(rows.length)} selected`}
            </p>
            {method !== null && (
              <p className="truncate" title={method}>
                {method}
              </p>
            )}
            <div className="runs-foot-actions">
              {!grouped && rows.length > 1 && (
                <>
                  <Button size="compact-sm" variant="default" disabled={actions.compare === null} onClick={actions.compare?.do}>
                    Compare {rows.length}
                  </Button>
                  {actions.remove !== null && (
                    <Button size="compact-sm" variant="default" onClick={actions.remove.do}>
                      Delete {actions.remove.count}
                    </Button>
                  )}
                </>
              )}
              <Constants constant={columns.constant} />
            </div>
          </footer>
        </div>
      </div>
      {menu !== null && rows.length > 0 && (
        <AfterPaint>
          <RunsMenu
            at={menu}
            rows={rows}
            actions={actions}
            onClose={() => {
              setMenu(null);
              focusTable();
            }}
          />
        </AfterPaint>
      )}
    </View>
  );
}
