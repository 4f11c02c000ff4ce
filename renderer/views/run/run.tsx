/** One run: how it went, what it was, where it came from. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import { Button, Tabs } from '@mantine/core';
import { Failure, Loading } from '../../components/messages';
import { StateMark } from '../../components/state-mark';
import { View } from '../../frame/view';
import { complain } from '../../notice';
import { writeReport } from '../../report';
import { isEnded, runName } from '../../run-status';
import { call, useAnswer } from '../../state/answers';
import { useCommand } from '../../state/commands';
import { go } from '../../state/place';
import { Artifacts } from './artifacts';
import { ConfigLeaves } from './config-leaves';
import { Confusion } from './confusion';
import { Curves } from './curves';
import { Facts } from './facts';
import { Lineage } from './lineage';
import { Log } from './log';
import { Files, Named } from './named';
import { Places } from './places';
import { Output } from './output';
import { ProvenanceSections } from './provenance';
import { SeriesSection } from './series';
import { RunScore } from './score';
import './run.css';

/** What a run that trains is asked anew so often. */
const REFRESH_MS = 2000;

async function act(method: 'runs.cancel' | 'runs.retry', run: string): Promise<void> {
  try {
    await call(method, { run });
  } catch (error) {
    complain(method === 'runs.cancel' ? 'The run could not be cancelled' : 'The run could not be retried', error);
  }
}

export function Run({ run: id }: { readonly run: string }) {
  const answer = useAnswer('runs.details', { run: id });
  const details = answer.data;
  const status = details?.run.status ?? null;
  // Events tell of steps and states; validation, checkpoints and the time left come with the answer.
  const { refetch } = answer;
  useEffect(() => {
    if (status !== 'running') return undefined;
    const timer = window.setInterval(() => void refetch(), REFRESH_MS);
    return () => window.clearInterval(timer);
  }, [status, refetch]);
  const [picked, setTab] = useState<string | null>(null);
  const cancel = useCallback(() => void act('runs.cancel', id), [id]);
  const retry = useCallback(() => void act('runs.retry', id), [id]);
  const exportRun = useCallback(() => go({ view: 'export', target: id }), [id]);
  const ours = details !== undefined && details.run.kind !== 'logged';
  const canCancel = ours && status !== null && !isEnded(status);
  const canRetry = ours && (status === 'failed' || status === 'cancelled' || status === 'interrupted');
  useCommand('run.cancel', canCancel ? cancel : null);
  useCommand('run.retry', canRetry ? retry : null);
  useCommand('bundle.export', ours && status === 'finished' ? exportRun : null);

  const reportName = details?.run.reproductionId;
  useCommand('report.write', useMemo(() => (reportName === undefined ? null : () => void writeReport(id, reportName)), [id, reportName]));

  const title = useMemo(() => (details === undefined ? 'Run' : runName(details.run)), [details]);
  if (details === undefined) {
    return <View title={title}>{answer.isError ? <Failure title="The run could not be read" error={answer.error} onRetry={() => void answer.refetch()} /> : <Loading text="Reading the run…" />}</View>;
  }
  const { kind } = details.run;
  const tab = picked ?? (kind === 'training' ? 'config' : 'named');
  return (
    <View
      title={title}
      subtitle={
        <button type="button" className="run-link run-experiment truncate" onClick={() => go({ view: 'experiments', experiment: details.run.experiment })}>
          {details.run.experiment}
        </button>
      }
      actions={
        <>
          <StateMark status={details.run.status} />
          {canCancel && (
            <Button variant="default" onClick={cancel}>
              Cancel
            </Button>
          )}
          {canRetry && (
            <Button variant="default" onClick={retry}>
              Retry
            </Button>
          )}
          {ours && status === 'finished' && <Button onClick={exportRun}>Export bundle</Button>}
        </>
      }
    >
      <div className="run">
        <Facts details={details} />
        <Places places={details.places} />
        {kind === 'training' && <Curves details={details} />}
        {kind === 'training' && <Confusion run={details.run.runId} tested={status === 'finished'} />}
        {(kind !== 'training' || details.series.length > 0) && <SeriesSection details={details} />}
        <Tabs value={tab} onChange={setTab} keepMounted={false} className="run-tabs">
          <Tabs.List>
            {kind !== 'training' && <Tabs.Tab value="named">Parameters and tags</Tabs.Tab>}
            {kind !== 'logged' && <Tabs.Tab value="config">Config</Tabs.Tab>}
            <Tabs.Tab value="provenance">Provenance</Tabs.Tab>
            <Tabs.Tab value="reproducibility">Reproducibility</Tabs.Tab>
            {kind === 'command' && <Tabs.Tab value="output">Output</Tabs.Tab>}
            <Tabs.Tab value="log">Log</Tabs.Tab>
            {kind === 'training' ? <Tabs.Tab value="artifacts">Artifacts and checkpoints</Tabs.Tab> : <Tabs.Tab value="files">Files</Tabs.Tab>}
            <Tabs.Tab value="lineage">Lineage</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="config">
            <ConfigLeaves config={details.config} />
          </Tabs.Panel>
          <Tabs.Panel value="named">
            <Named details={details} />
          </Tabs.Panel>
          <Tabs.Panel value="output">
            <Output run={details.run.runId} live={!isEnded(details.run.status)} />
          </Tabs.Panel>
          <Tabs.Panel value="files">
            <Files details={details} />
          </Tabs.Panel>
          <Tabs.Panel value="provenance">
            <ProvenanceSections sections={details.provenance} />
          </Tabs.Panel>
          <Tabs.Panel value="reproducibility">
            <RunScore run={details.run.runId} />
          </Tabs.Panel>
          <Tabs.Panel value="log">
            <Log run={details.run.runId} kind={kind} live={!isEnded(details.run.status)} />
          </Tabs.Panel>
          <Tabs.Panel value="artifacts">
            <Artifacts details={details} />
          </Tabs.Panel>
          <Tabs.Panel value="lineage">
            <Lineage details={details} />
          </Tabs.Panel>
        </Tabs>
      </div>
    </View>
  );
}
