/** A verdict as a page that a reviewer understands. */
import { useState } from 'react';
import { Button } from '@mantine/core';
import type { VerdictView } from '../../../src/api/views';
import { Fact } from '../../components/fact';
import { Hash } from '../../components/hash';
import { Failure, Loading } from '../../components/messages';
import * as format from '../../format';
import { Section, View } from '../../frame/view';
import { copy } from '../../notice';
import { useAnswer } from '../../state/answers';
import { go } from '../../state/place';
import { Environment } from './environment';
import { Facts } from './facts';
import { Grid, type Column } from './grid';
import { VerdictHeadline, VerdictMark } from './verdict-mark';
import { VerdictTrace } from './verdict-trace';
import { countVerdicts, largestDifference, LIMITS, meaning, relative, step, summaryText, tellingRun, verdictWord } from './words';
import './bundles.css';
import './verdict.css';

type JudgedRun = VerdictView['result']['runs'][number];

const columns: readonly Column<JudgedRun>[] = [
  { title: 'Variant', cell: ({ variant, reproductionId }) => <span className="truncate verdict-variant" title={`${variant ?? 'run'}\n${reproductionId}`}>{variant ?? 'run'}</span> },
  { title: 'Seed', number: true, cell: ({ seed }) => seed },
  { title: 'Verdict', cell: ({ verdict }) => <VerdictMark verdict={verdict} /> },
  { title: 'First differing step', number: true, cell: ({ firstDifferentStep, kind }) => step(firstDifferentStep, kind) },
  { title: 'First divergent step', number: true, cell: ({ firstDivergentStep, kind }) => step(firstDivergentStep, kind) },
  { title: 'Largest difference', number: true, cell: ({ maxRelativeDifference }) => relative(maxRelativeDifference) },
];

function SeriesTable({ series }: { readonly series: JudgedRun['series'] }) {
  return (
    <table className="dense wide">
      <thead>
        <tr>
          <th scope="col">Metric</th>
          {['Points', 'First differing step', 'First divergent step', 'Largest difference'].map((title) => (
            <th key={title} scope="col" className="number">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {series.map(({ key, points, firstDifferentStep, firstDivergentStep, maxRelativeDifference }) => (
          <tr key={key}>
            <td>{key}</td>
            <td className="number">{format.count(points)}</td>
            <td className="number">{step(firstDifferentStep, 'command')}</td>
            <td className="number">{step(firstDivergentStep, 'command')}</td>
            <td className="number">{relative(maxRelativeDifference)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function fileInWords({ same, recorded, here }: JudgedRun['files'][number]): string {
  if (same) return 'the recorded bytes';
  if (recorded === null) return 'not in the record';
  return here === null ? 'not written here' : 'other bytes than recorded';
}

function FileTable({ files }: { readonly files: JudgedRun['files'] }) {
  return (
    <table className="dense wide">
      <thead>
        <tr>
          <th scope="col">Output file</th>
          <th scope="col">Here</th>
        </tr>
      </thead>
      <tbody>
        {files.map((file) => (
          <tr key={file.path}>
            <td className="mono">{file.path}</td>
            <td>{fileInWords(file)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Numbers({ view }: { readonly view: VerdictView }) {
  const { runs } = view.result;
  const counts = countVerdicts(runs);
  const divergent = runs.flatMap(({ firstDivergentStep }) => (firstDivergentStep === null ? [] : [firstDivergentStep]));
  return (
    <Facts>
      <Fact name="Runs">{counts.map(({ verdict, runs: count }) => `${format.count(count)} ${verdictWord(verdict).toLowerCase()}`).join(', ')}</Fact>
      <Fact name="Largest difference">
        {relative(largestDifference(runs))} <span className="soft">relative, over {runs.every(({ kind }) => kind === 'training') ? 'the losses of all steps' : 'all judged metrics'}</span>
      </Fact>
      {divergent.length > 0 && <Fact name="First divergent step">{step(Math.min(...divergent), runs.every(({ kind }) => kind === 'training') ? 'training' : 'command')}</Fact>}
      <Fact name="Bundle digest">
        <Hash value={view.digest} of="bundle digest" />
      </Fact>
      <Fact name="Re-executed">
        {format.moment(view.createdAt)} <span className="soft">in {format.duration(view.seconds * 1000)}</span>
      </Fact>
    </Facts>
  );
}

function RunFinding({ verdictId, run }: { readonly verdictId: string; readonly run: JudgedRun }) {
  return (
    <Section title={`${run.variant ?? 'Run'}, seed ${run.seed}`} aside={<VerdictMark verdict={run.verdict} />}>
      <p className="verdict-finding">{run.sentence}</p>
      <VerdictTrace verdictId={verdictId} run={run} />
      {run.series.length > 0 && (
        <div className="verdict-runs verdict-parts" tabIndex={0} role="region" aria-label="Metrics of the run">
          <SeriesTable series={run.series} />
        </div>
      )}
      {run.files.length > 0 && (
        <div className="verdict-runs verdict-parts" tabIndex={0} role="region" aria-label="Output files of the run">
          <FileTable files={run.files} />
        </div>
      )}
      {run.causes.length > 0 && (
        <ul className="verdict-causes">
          {run.causes.map((cause) => (
            <li key={cause}>{cause}</li>
          ))}
        </ul>
      )}
      <p className="soft small">
        Quote this run as <span className="mono">{run.reproductionId}</span>
      </p>
    </Section>
  );
}

function Page({ view }: { readonly view: VerdictView }) {
  const { runs } = view.result;
  const [chosen, setChosen] = useState<string | null>(() => tellingRun(runs)?.run ?? null);
  const run = runs.find((one) => one.run === chosen) ?? null;
  const different = view.environment.filter(({ same }) => !same).length;
  return (
    <div className="bundles-page verdict-page">
      <div className="bundles-columns verdict-head">
        <div>
          <VerdictHeadline verdict={view.verdict} />
          <p className="verdict-sentence">{view.sentence}</p>
          <p className="soft bundles-prose">{meaning(view.verdict)}</p>
        </div>
        <Numbers view={view} />
      </div>
      <div className="bundles-columns verdict-body">
        <Section title="Runs" {...(runs.every(({ kind }) => kind === 'training') ? { aside: 'steps count from 1' } : {})}>
          <div className="verdict-runs">
            <Grid label="Runs of the verdict" columns={columns} rows={runs} keyOf={(one) => one.run} selected={chosen} onSelect={setChosen} />
          </div>
        </Section>
        {run !== null && <RunFinding verdictId={view.verdictId} run={run} />}
      </div>
      <Section title="Environment" aside={different === 0 ? 'as recorded' : format.plural(different, 'difference')}>
        <Environment rows={view.environment} />
      </Section>
      <Section title="What a verdict does not say">
        <p className="soft verdict-limits">{LIMITS}</p>
      </Section>
    </div>
  );
}

export function Verdict({ verdictId }: { readonly verdictId: string }) {
  const answer = useAnswer('verdicts.get', { verdictId });
  const view = answer.data;
  const actions =
    view === undefined ? undefined : (
      <>
        <Button variant="default" onClick={() => go({ view: 'bundle', file: view.file })}>
          Show bundle
        </Button>
        <Button onClick={() => void copy(summaryText(view), 'summary')}>Copy summary</Button>
      </>
    );
  return (
    <View title={view === undefined ? 'Verdict' : view.name} subtitle="Verdict" actions={actions}>
      {answer.isPending && <Loading text="Reading the verdict…" />}
      {answer.isError && <Failure title="The verdict could not be read" error={answer.error} onRetry={() => void answer.refetch()} />}
      {view !== undefined && <Page view={view} />}
    </View>
  );
}
