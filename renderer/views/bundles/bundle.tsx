/** One bundle: what can be known without executing anything of it, and reproducing it once it is trusted. */
import { useCallback, useState, type ReactNode } from 'react';
import { Button } from '@mantine/core';
import type { BundlePage } from '../../../src/api/views';
import { reportOf } from '../../client';
import { Empty, Failure, Loading, Problem } from '../../components/messages';
import * as format from '../../format';
import { Section, View } from '../../frame/view';
import { useAnswer } from '../../state/answers';
import { useCommand } from '../../state/commands';
import { openFile } from '../../state/open-file';
import { baseName, reproduceBundle, useTask } from '../../state/tasks';
import { Commands } from './commands';
import { Checks, Files, Identity, Problems, Runs } from './contents';
import { Environment } from './environment';
import { RunStates, TaskProgress } from './progress';
import { ReproduceChoices, type ReproduceOptions } from './reproduce-choices';
import { useTrust } from './trust';
import './bundles.css';

function finishedRuns({ runs }: BundlePage): number {
  return runs.filter(({ status }) => status === 'finished').length;
}

function Standing({ page, trusted }: { readonly page: BundlePage; readonly trusted: boolean }) {
  if (!page.valid) {
    return (
      <div className="bundles-notice failed">
        <p className="bundles-strong">This bundle is not as it was exported.</p>
        <p>Reproducing it is not offered: whatever came out, the record it would be held against cannot be relied on. Ask its author for the file again and compare the digest.</p>
        <Problems problems={page.problems} />
      </div>
    );
  }
  return (
    <div className="bundles-notice">
      {trusted ? (
        <p>
          <span className="bundles-strong">Trusted.</span> Reproducing is unlocked for this very file, until the window closes.
        </p>
      ) : (
        <p>
          <span className="bundles-strong">Restricted.</span> Looking at a bundle executes nothing of it: below is what can be known without that. Reproducing is locked until you trust it.
        </p>
      )}
    </div>
  );
}

function Page({ page, trusted, options, onOptions, progress }: { readonly page: BundlePage; readonly trusted: boolean; readonly options: ReproduceOptions; readonly onOptions: (change: Partial<ReproduceOptions>) => void; readonly progress: ReactNode }) {
  const different = page.environment.filter(({ same }) => !same).length;
  return (
    <>
      <Standing page={page} trusted={trusted || progress !== null} />
      <div className="bundles-columns">
        <Section title="Bundle">
          <Identity page={page} />
        </Section>
        {page.valid && (
          <Section title="Reproducing it here">{progress ?? <ReproduceChoices page={page} finished={finishedRuns(page)} trusted={trusted} options={options} onOptions={onOptions} />}</Section>
        )}
      </div>
      {page.commands.length > 0 && (
        <Section title="Programs" aside={format.plural(page.commands.length, 'command')}>
          <Commands commands={page.commands} />
        </Section>
      )}
      <Section title="Checks" aside={page.valid ? 'all passed' : format.plural(page.problems.length, 'problem')}>
        <Checks checks={page.checks} />
      </Section>
      <Section title="Environment" aside={different === 0 ? 'as recorded' : format.plural(different, 'difference')}>
        <Environment rows={page.environment} />
      </Section>
      <Section title="Runs" aside={format.plural(page.runs.length, 'run')}>
        <Runs runs={page.runs} />
      </Section>
      <Section title="Files" aside={format.plural(page.files.length, 'file')}>
        <Files files={page.files} />
      </Section>
    </>
  );
}

/** The head offers another file; trying this one again would bring the same answer. */
function Unread({ file, error }: { readonly file: string; readonly error: unknown }) {
  if (reportOf(error).code !== 'PATH_NOT_CHOSEN') return <Failure title="The bundle could not be read" error={error} />;
  return (
    <Empty title="Choose the bundle again">
      Reprise reads files outside the workspace only when somebody chose them since it started. This one was at <span className="mono bundles-path">{file}</span>.
    </Empty>
  );
}

const openBundle = (): void => void openFile('bundle');

export function Bundle({ file }: { readonly file: string }) {
  const answer = useAnswer('bundle.inspect', { file }, { fresh: true });
  const page = answer.data ?? null;
  const trusted = useTrust(page?.digest ?? null);
  const [options, setOptions] = useState<ReproduceOptions>({ runs: null, data: null });
  const task = useTask('reproduce', file);
  const running = task !== null && !task.begun.ended;

  const finished = page === null ? 0 : finishedRuns(page);
  const count = Math.min(options.runs ?? finished, finished);
  const ready = page !== null && page.valid && trusted && !running && count > 0 && (!page.needsData || options.data !== null);
  const digest = page?.digest ?? '';
  const reproduce = useCallback(
    () => void reproduceBundle({ file, trust: digest, ...(options.runs === null ? {} : { runs: options.runs }), ...(options.data === null ? {} : { data: options.data }) }),
    [file, digest, options],
  );
  useCommand('bundle.reproduce', ready ? reproduce : null);

  const refused = answer.isError && page === null;
  const actions = refused ? (
    <Button onClick={openBundle}>Open bundle…</Button>
  ) : page !== null && !page.valid ? undefined : (
    <Button disabled={!ready} onClick={reproduce}>
      {page === null ? 'Reproduce' : `Reproduce ${format.count(count)}`}
    </Button>
  );
  return (
    <View title={page === null || page.name === '' ? baseName(file) : page.name} subtitle="Bundle" actions={actions}>
      {answer.isPending && <Loading text="Checking every hash of the bundle…" />}
      {refused && <Unread file={file} error={answer.error} />}
      {page !== null && (
        <div className="bundles-page">
          {task?.view?.status === 'cancelled' && <p className="bundles-notice">The reproduction was cancelled; nothing of it is kept.</p>}
          {task !== null && task.begun.error !== null && <Problem error={task.begun.error} />}
          <Page
            page={page}
            trusted={trusted}
            options={options}
            onOptions={(change) => setOptions((before) => ({ ...before, ...change }))}
            progress={
              running ? (
                <>
                  <TaskProgress task={task.begun.task} title={task.view?.title ?? `Reproduce ${page.name}`} view={task.view} />
                  <RunStates runs={page.runs} states={task.view?.runs ?? []} />
                </>
              ) : null
            }
          />
        </div>
      )}
    </View>
  );
}
