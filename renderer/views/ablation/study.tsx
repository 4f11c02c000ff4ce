/** One study: its matrix as it fills, what each cell holds, and where to go when it is done. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import { Button } from '@mantine/core';
import { Repeat2 } from 'lucide-react';
import { compactStudy } from '../../../src/ablation/new-study';
import type { StudyView } from '../../../src/api/views';
import { Failure, Loading } from '../../components/messages';
import * as format from '../../format';
import { Section, View } from '../../frame/view';
import { complain } from '../../notice';
import { call, outdated, useAnswer } from '../../state/answers';
import { useCommand } from '../../state/commands';
import { go } from '../../state/place';
import { retryRuns } from '../experiments/actions';
import { CellInspector } from './cell-inspector';
import { openDraft } from './draft';
import { Matrix, type Selection } from './matrix';
import { dismissWarnings, folderOfStudy, useStarted } from './started';
import { StudyCurves } from './study-curves';
import { countsOf, stateLine, unfinished } from './study-words';
import './ablation.css';
import './study.css';

/** How often what is computed over a running study is asked for again. */
const REFRESH_MS = 1000;
const NO_WARNINGS: readonly string[] = [];

function Warnings({ studyId }: { readonly studyId: string }) {
  const warnings = useStarted(({ byStudy }) => byStudy.get(studyId)?.warnings ?? NO_WARNINGS);
  if (warnings.length === 0) return null;
  return (
    <div className="study-warnings" role="status">
      <ul>
        {warnings.map((warning) => (
          <li key={warning}>{warning}</li>
        ))}
      </ul>
      <button type="button" className="quiet-button" onClick={() => dismissWarnings(studyId)}>
        Dismiss
      </button>
    </div>
  );
}

function Aside({ study }: { readonly study: StudyView }) {
  return (
    <>
      {format.plural(study.variants, 'variant')} × {format.plural(study.seeds, 'seed')}{study.metric === null ? '' : `, ${study.metric}`}
      {study.matrix.some(({ cells }) => cells.some(({ reused }) => reused)) && (
        <span className="matrix-legend">
          <Repeat2 size={12} aria-hidden="true" /> from an earlier run
        </span>
      )}
    </>
  );
}

function useHold(study: StudyView, ended: boolean): { readonly busy: boolean; readonly pause: (() => void) | null; readonly resume: (() => void) | null } {
  const [busy, setBusy] = useState(false);
  const { studyId, paused } = study;
  const hold = useCallback(
    (method: 'studies.pause' | 'studies.resume', what: string) => (): void => {
      setBusy(true);
      call(method, { studyId })
        .then(() => outdated('studies.get', 'studies.list'))
        .catch((error: unknown) => complain(`The ablation could not be ${what}`, error))
        .finally(() => setBusy(false));
    },
    [studyId],
  );
  const pause = useMemo(() => (ended || paused || busy ? null : hold('studies.pause', 'paused')), [ended, paused, busy, hold]);
  const resume = useMemo(() => (ended || !paused || busy ? null : hold('studies.resume', 'resumed')), [ended, paused, busy, hold]);
  return { busy, pause, resume };
}

function StudyOf({ study }: { readonly study: StudyView }) {
  const { studyId, experiment, matrix, source } = study;
  const counts = useMemo(() => countsOf(study), [study]);
  const ended = unfinished(counts) === 0;
  const running = (counts.byStatus.running ?? 0) > 0;
  const { busy, pause, resume } = useHold(study, ended);
  const [selection, setSelection] = useState<Selection | null>(null);
  const places = useMemo(() => new Map(matrix.map(({ name }, place) => [name, place])), [matrix]);

  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => outdated('studies.get', 'compare.curves'), REFRESH_MS);
    return () => clearInterval(timer);
  }, [running]);

  const exportBundle = useCallback(() => go({ view: 'export', target: experiment }), [experiment]);
  const editCopy = useCallback(() => {
    openDraft({ text: compactStudy(source), path: null, folder: folderOfStudy(studyId) });
    go({ view: 'editor' });
  }, [source, studyId]);
  const open = useCallback(
    ({ row, column }: Selection) => {
      const run = matrix[row]?.cells[column]?.run;
      if (run != null) go({ view: 'run', run: run.runId });
    },
    [matrix],
  );
  useCommand('study.pause', pause);
  useCommand('study.resume', resume);
  useCommand('bundle.export', ended ? exportBundle : null);

  const variant = selection === null ? undefined : matrix[selection.row];
  const cell = selection === null ? undefined : variant?.cells[selection.column];
  const failed = matrix.flatMap(({ cells }) => cells.flatMap(({ run }) => (run?.status === 'failed' ? [run.runId] : [])));
  return (
    <View
      title={experiment}
      subtitle={<span className="numbers">{stateLine(counts, study.secondsLeft)}</span>}
      inspector={variant === undefined || cell === undefined ? null : { title: `${variant.name}, seed ${cell.seed}`, content: <CellInspector cell={cell} variant={variant} metric={study.metric} studyId={studyId} /> }}
      actions={
        <>
          {failed.length > 0 && (
            <Button variant="default" onClick={() => void retryRuns(failed)}>
              Retry {format.count(failed.length)} failed
            </Button>
          )}
          <Button variant="default" onClick={editCopy}>
            Edit a copy
          </Button>
          {ended && (
            <Button variant="default" onClick={exportBundle}>
              Export bundle
            </Button>
          )}
          {ended ? (
            <Button onClick={() => go({ view: 'compare', experiment })}>Compare</Button>
          ) : (
            <Button disabled={busy} onClick={() => (study.paused ? resume : pause)?.()}>
              {study.paused ? 'Resume' : 'Pause'}
            </Button>
          )}
        </>
      }
    >
      <div className="study">
        <Warnings studyId={studyId} />
        {study.paused && <p className="study-paused soft">Runs that wait keep waiting; those that ran stop at their next checkpoint and go on later to the same bits.</p>}
        <Section title="Variants × seeds" aside={<Aside study={study} />}>
          <Matrix study={study} selection={selection} onSelect={setSelection} onOpen={open} />
        </Section>
        <StudyCurves experiment={experiment} places={places} ended={ended} />
      </div>
    </View>
  );
}

export function Study({ studyId }: { readonly studyId: string }) {
  const study = useAnswer('studies.get', { studyId });
  if (study.data !== undefined) return <StudyOf study={study.data} />;
  return <View title="Ablation">{study.isError ? <Failure title="The study could not be read" error={study.error} onRetry={() => void study.refetch()} /> : <Loading text="Reading the study…" />}</View>;
}
