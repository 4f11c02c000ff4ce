/** Runs of other programs that come in: where they lie, what is there, and taking them in. */
import { useCallback, useMemo, useState } from 'react';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Refused, reportOf } from '../../client';
import { Failure, Loading, Problem } from '../../components/messages';
import * as format from '../../format';
import { View } from '../../frame/view';
import { byExperiment, countOutcomes } from '../../import-words';
import { openFile } from '../../state/open-file';
import { go } from '../../state/place';
import { baseName, importRuns, previewImport, useTask } from '../../state/tasks';
import { TaskProgress } from '../bundles/progress';
import { AS_FOUND, inputOf, type Choices } from './choices';
import { ImportChoices } from './import-choices';
import { Found } from './import-found';
import '../bundles/bundles.css';
import './transfer.css';

const chooseFolder = (): void => void openFile('runs-folder');
const chooseFile = (): void => void openFile('runs');

const SOURCES: readonly { readonly name: string; readonly where: string }[] = [
  { name: 'MLflow', where: 'the folder mlruns, the file mlflow.db, or the folder they lie in' },
  { name: 'TensorBoard', where: 'a folder of event files; each folder with one is a run' },
  { name: 'W&B', where: 'the folder wandb of runs that were logged offline' },
  { name: 'Tables', where: 'CSV, JSON, JSON lines or Parquet: a row for each run, or for each point of a series' },
];

/** Where nobody has said yet what to import. */
function Choose() {
  return (
    <View
      title="Import runs"
      actions={
        <>
          <Button variant="default" onClick={chooseFile}>
            Choose file…
          </Button>
          <Button onClick={chooseFolder}>Choose folder…</Button>
        </>
      }
    >
      <section className="message" aria-labelledby="import-title">
        <h2 id="import-title">Bring in the runs of other programs</h2>
        <p className="message-text">You see what is there before anything is kept. Nothing comes in twice: runs that are here already stay as they are, and the originals are only read. A folder or a file can also be dropped anywhere on the window.</p>
        <dl className="bundles-facts transfer-sources">
          {SOURCES.map(({ name, where }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{where}</dd>
            </div>
          ))}
        </dl>
      </section>
    </View>
  );
}

/** The same refusal, with the next step that this view has. */
function withStepHere(error: unknown): unknown {
  const report = reportOf(error);
  return report.code === 'IMPORT_FORMAT_AMBIGUOUS' ? new Refused({ ...report, hint: 'Choose one of them under “Read as”.' }) : error;
}

function importWords(count: number): string {
  return count === 0 ? 'Import' : `Import ${format.count(count)}`;
}

function ImportFrom({ path }: { readonly path: string }) {
  const [choices, setChoices] = useState<Choices>(AS_FOUND);
  // Into which experiment the runs go changes nothing of what is found.
  const { experiment } = choices;
  const question = useMemo(() => inputOf(path, { ...choices, experiment: '' }), [path, choices]);
  const preview = useQuery({ queryKey: ['import preview', question], queryFn: ({ signal }) => previewImport(question, signal), gcTime: 0, retry: false, refetchOnMount: 'always' });
  const newest = useTask('import', path);
  // What an earlier import of the same path came to has been told.
  const [earlier] = useState(newest?.begun.ended === true ? newest.begun.task : null);
  const task = newest?.begun.task === earlier ? null : newest;
  const running = task !== null && !task.begun.ended;
  const imported = task?.begun.imported ?? null;

  const counts = useMemo(() => countOutcomes(preview.data?.runs ?? []), [preview.data]);
  const coming = counts.new + counts.updated;
  const ready = preview.data !== undefined && !preview.isFetching && coming > 0 && !running;
  const begin = useCallback(() => {
    void importRuns(inputOf(path, choices)).then(() => preview.refetch());
  }, [path, choices, preview]);

  const into = byExperiment(imported?.runs ?? []);
  const [only] = into;
  const show = (): void => go(into.length === 1 && only !== undefined ? { view: 'experiments', experiment: only.experiment } : { view: 'experiments' });
  const actions =
    imported === null || coming > 0 ? (
      <>
        <Button variant="default" disabled={running} onClick={() => go({ view: 'import', path: null })}>
          Choose another…
        </Button>
        <Button disabled={!ready} loading={running} onClick={begin}>
          {importWords(coming)}
        </Button>
      </>
    ) : (
      <>
        <Button variant="default" onClick={() => go({ view: 'import', path: null })}>
          Import more…
        </Button>
        <Button onClick={show}>Show runs</Button>
      </>
    );
  const shown = imported ?? preview.data;
  return (
    <View title="Import runs" subtitle={<span title={path}>{baseName(path)}</span>} actions={actions}>
      <div className="bundles-page">
        {running && <TaskProgress task={task.begun.task} title={task.view?.title ?? `Importing ${baseName(path)}`} view={task.view} />}
        {task?.view?.status === 'cancelled' && <p className="bundles-notice">The import was cancelled. What had come in whole by then is kept; importing again goes on with the rest.</p>}
        {task !== null && task.begun.error !== null && <Problem error={task.begun.error} />}
        {imported === null && <ImportChoices choices={choices} format={preview.data?.format ?? null} disabled={running} onChange={(change) => setChoices((before) => ({ ...before, ...change }))} />}
        {shown === undefined && preview.isFetching && <Loading text="Looking at what is there…" />}
        {shown === undefined && preview.isError && !preview.isFetching && <Failure title="There is nothing that can be imported" error={withStepHere(preview.error)} onRetry={() => void preview.refetch()} />}
        {shown !== undefined && <Found result={shown} when={imported === null ? 'planned' : 'done'} stale={imported === null && preview.isFetching} experiment={imported === null ? experiment.trim() : ''} />}
      </div>
    </View>
  );
}

/** @param path a folder or a file that the user chose; null: none yet */
export function ImportRuns({ path }: { readonly path: string | null }) {
  return path === null ? <Choose /> : <ImportFrom key={path} path={path} />;
}
