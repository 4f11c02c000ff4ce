/** Export: what goes into a bundle, and writing it. */
import { useCallback, useEffect, useState } from 'react';
import { Autocomplete, Button, Checkbox } from '@mantine/core';
import type { Output } from '../../../src/api/contract';
import type { RunListRow } from '../../../src/api/views';
import { ask, shell } from '../../client';
import { Fact } from '../../components/fact';
import { Hash } from '../../components/hash';
import { Failure, Loading, Problem } from '../../components/messages';
import * as format from '../../format';
import { Section, View } from '../../frame/view';
import { complain, copy } from '../../notice';
import { useAnswer } from '../../state/answers';
import { useCommand } from '../../state/commands';
import { go } from '../../state/place';
import { exportBundle, useTask } from '../../state/tasks';
import { Facts } from './facts';
import { TaskProgress } from './progress';
import './bundles.css';

type Estimate = Output<'bundle.estimate'>;

/** Licences people share results under; any other SPDX expression can be typed. */
const LICENSES = ['CC-BY-4.0', 'CC-BY-SA-4.0', 'CC-BY-NC-4.0', 'CC0-1.0', 'MIT', 'Apache-2.0', 'BSD-3-Clause', 'GPL-3.0-or-later', 'ODbL-1.0'];
/** Runs that are named where they hold an export up. */
const MOST_NAMED = 20;

interface Choices {
  readonly license: string;
  readonly includeData: boolean;
  readonly calibrate: boolean;
}

function Form({ choices, full, disabled, onChange }: { readonly choices: Choices; readonly full: Estimate; readonly disabled: boolean; readonly onChange: (change: Partial<Choices>) => void }) {
  return (
    <fieldset className="bundles-form" disabled={disabled}>
      <legend className="hidden">Choices</legend>
      <Autocomplete
        label="Licence"
        description="Tells whoever opens the bundle what they may do with it: an SPDX identifier or expression, or LicenseRef-NAME for one that is not listed."
        data={LICENSES}
        value={choices.license}
        onChange={(license) => onChange({ license })}
        maxLength={100}
        comboboxProps={{ transitionProps: { duration: 0 } }}
        filter={({ options }) => options}
        error={choices.license.trim() === '' ? 'A bundle needs a licence.' : null}
      />
      <Checkbox
        label={full.dataBytes === 0 ? 'Include the prepared data' : `Include the prepared data (${format.bytes(full.dataBytes)} unpacked)`}
        description={
          full.dataBytes === 0
            ? 'No data set here is small enough to go in (512 MiB at most): the bundle states fingerprint and source.'
            : 'Without them the bundle states fingerprint and source: whoever reproduces it needs the same file, unless the data come from a generator or a public source.'
        }
        checked={choices.includeData && full.dataBytes > 0}
        disabled={full.dataBytes === 0}
        onChange={(event) => onChange({ includeData: event.currentTarget.checked })}
      />
      <Checkbox
        label={`Measure the tolerance (${format.plural(full.calibrationRuns, 'more run')})`}
        description="Trains one run of each variant once more with a single bit of its initial weights flipped. On another runtime, a re-execution is then judged by how far rounding carries this experiment, and not by a convention (a relative difference of 0.001) that leaves more verdicts inconclusive. On the same runtime every bit must agree either way."
        checked={choices.calibrate}
        onChange={(event) => onChange({ calibrate: event.currentTarget.checked })}
      />
    </fieldset>
  );
}

function Contents({ estimate, stale }: { readonly estimate: Estimate; readonly stale: boolean }) {
  return (
    <Section title="In the bundle">
      <Facts>
        <Fact name="Runs">{format.count(estimate.runs)}</Fact>
        <Fact name="Size of the file">
          <span className={stale ? 'soft' : undefined}>≈ {format.bytes(estimate.bytes)}</span>
        </Fact>
        <Fact name="Runs to train first">{estimate.calibrationRuns === 0 ? 'none' : format.count(estimate.calibrationRuns)}</Fact>
      </Facts>
      <p className="soft bundles-prose">Of every run: config and seeds, the loss of every step, metrics, weights, the trained model and its training graph, the environment, and the state of the code with uncommitted changes. Runs that failed or were cancelled go in as a record. Beside them: the report, a script that replays runs without Reprise, and a hash of every file.</p>
      <p className="soft bundles-prose">Taken out of free text: your home and workspace folders, this machine’s name, and passwords in addresses. The author’s name stays, and so does captured code as it is.</p>
    </Section>
  );
}

/** Runs that are not at their end; an export waits for them. */
function Unfinished({ runs, leftOut }: { readonly runs: readonly RunListRow[]; readonly leftOut: number }) {
  const names = runs.map(({ run }) => `${run.variant ?? run.reproductionId}, seed ${run.seed} (${run.status})`);
  return (
    <div className="bundles-notice" role="status">
      <p>
        {format.plural(leftOut, 'run is', 'runs are')} not at an end, and a bundle holds results only. Let {leftOut === 1 ? 'it finish or cancel it' : 'them finish or cancel them'}, then export.
      </p>
      {names.length > 0 && (
        <p className="soft">
          {names.join('; ')}
          {leftOut > names.length ? '; and more' : ''}
        </p>
      )}
    </div>
  );
}

async function showInFolder(path: string): Promise<void> {
  try {
    await ask(shell.showInFolder({ path }));
  } catch (error) {
    complain('The file could not be shown', error);
  }
}

function Written({ exported }: { readonly exported: Output<'bundle.export'> }) {
  return (
    <Section title="Exported">
      <Facts>
        <Fact name="File">
          <span className="mono bundles-path">{exported.file}</span>
        </Fact>
        <Fact name="Size">{format.bytes(exported.bytes)}</Fact>
        <Fact name="Runs">{format.count(exported.runs)}</Fact>
        {exported.leftOut.length > 0 && <Fact name="Left out">{`${exported.leftOut.map(({ run, name }) => name ?? run).join(', ')}: logged by another program`}</Fact>}
        <Fact name="Digest">
          <Hash value={exported.digest} of="digest" />
        </Fact>
      </Facts>
      <div className="bundles-buttons">
        <Button variant="default" onClick={() => void copy(exported.file, 'path')}>
          Copy path
        </Button>
        <Button variant="default" onClick={() => void showInFolder(exported.file)}>
          Show in folder
        </Button>
      </div>
      <p className="soft bundles-prose">Publish the digest beside the bundle: it names every byte of it, so a reader who has both knows that nothing was altered.</p>
    </Section>
  );
}

export function ExportBundle({ target }: { readonly target: string }) {
  const [choices, setChoices] = useState<Choices>({ license: 'CC-BY-4.0', includeData: true, calibrate: true });
  const { license, includeData, calibrate } = choices;
  const full = useAnswer('bundle.estimate', { target, includeData: true, calibrate: true }, { fresh: true });
  const chosen = useAnswer('bundle.estimate', { target, includeData, calibrate }, { keep: true, fresh: true });
  const waiting = useAnswer('runs.page', { experiment: target, status: ['queued', 'running', 'interrupted'], offset: 0, limit: MOST_NAMED });
  const left = waiting.data?.total;
  const { refetch } = full;
  const refetchChosen = chosen.refetch;
  useEffect(() => {
    // Runs that come to an end change what goes in.
    if (left !== undefined) void Promise.all([refetch(), refetchChosen()]);
  }, [left, refetch, refetchChosen]);

  const task = useTask('export', target);
  const running = task !== null && !task.begun.ended;
  const exported = task?.begun.exported ?? null;
  const ready = full.data !== undefined && full.data.leftOut === 0 && full.data.runs > 0 && license.trim() !== '' && !running;

  const start = useCallback(async (): Promise<void> => {
    try {
      const out = await ask(shell.chooseTarget({ kind: 'bundle', suggestion: `${target.slice(0, 150)}.crate.zip` }));
      // The dialog has asked about a file that is there already.
      if (out !== null) await exportBundle({ target, out, license: license.trim(), includeData, calibrate, overwrite: true });
    } catch (error) {
      complain('The bundle could not be exported', error);
    }
  }, [target, license, includeData, calibrate]);
  const begin = useCallback(() => void start(), [start]);
  useCommand('bundle.export', ready ? begin : null);

  const actions =
    exported === null ? (
      <Button disabled={!ready} onClick={begin}>
        Export bundle
      </Button>
    ) : (
      <>
        <Button variant="default" disabled={!ready} onClick={begin}>
          Export again
        </Button>
        <Button onClick={() => go({ view: 'bundle', file: exported.file })}>Reproduce it here</Button>
      </>
    );
  return (
    <View title={`Export bundle: ${target}`} actions={actions}>
      {full.isPending && <Loading text="Adding up what goes in…" />}
      {full.isError && <Failure title="There is nothing to export" error={full.error} onRetry={() => void full.refetch()} />}
      {full.data !== undefined && (
        <div className="bundles-page">
          {running && <TaskProgress task={task.begun.task} title={task.view?.title ?? `Exporting ${target}`} view={task.view} />}
          {task?.view?.status === 'cancelled' && <p className="bundles-notice">The export was cancelled; nothing was written.</p>}
          {task !== null && task.begun.error !== null && <Problem error={task.begun.error} />}
          {exported !== null && <Written exported={exported} />}
          {full.data.leftOut > 0 && <Unfinished runs={waiting.data?.rows ?? []} leftOut={full.data.leftOut} />}
          <div className="bundles-columns">
            <Section title="Choices">
              <Form choices={choices} full={full.data} disabled={running} onChange={(change) => setChoices((before) => ({ ...before, ...change }))} />
            </Section>
            <Contents estimate={chosen.data ?? full.data} stale={chosen.isPlaceholderData} />
          </div>
        </div>
      )}
    </View>
  );
}
