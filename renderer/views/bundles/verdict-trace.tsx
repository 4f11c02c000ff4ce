/** The recorded loss of a run and the one its re-execution came to. */
import { useMemo, useState } from 'react';
import type { Output } from '../../../src/api/contract';
import type { VerdictView } from '../../../src/api/views';
import { CurveChart } from '../../charts/curve-chart';
import { variantStyle } from '../../charts/palette';
import type { Line } from '../../charts/types';
import { Choice } from '../../components/choice';
import { Problem } from '../../components/messages';
import { useAnswer } from '../../state/answers';
import { differences } from './differences';

type Trace = Output<'verdicts.trace'>;
type JudgedRun = VerdictView['result']['runs'][number];

const recordedStyle = variantStyle(0);
/** Dashed, so that both lines are seen where they lie on each other. */
const hereStyle = { ...variantStyle(1), dash: 'dash' } as const;

/** Steps of a training from 1, as the sentences count; a command counts its own. */
const counted = (steps: Float64Array, first: number): Float64Array => steps.map((index) => index + first);

function losses(trace: Trace, first: number): readonly Line[] {
  // The first line is drawn on top: the dashed one leaves gaps through which the other is seen.
  return [
    { name: 'here', style: hereStyle, x: counted(trace.hereSteps, first), y: trace.here },
    { name: 'recorded', style: recordedStyle, x: counted(trace.steps, first), y: trace.recorded },
  ];
}

function parting(trace: Trace, first: number): readonly Line[] {
  const { steps, values } = differences(trace);
  return [{ name: 'difference', style: variantStyle(1), x: counted(steps, first), y: values }];
}

/** What the chart shows, in a sentence beside it. */
function caption(run: JudgedRun, trace: Trace): string {
  if (trace.here.length === 0) return 'There is no re-execution to show beside the record.';
  if (run.verdict === 'identical') return 'The two lines lie on each other: they are the same numbers.';
  if (trace.firstDivergentStep !== null) return 'Lines are thinned to about 1,300 points; around the first divergent step every step is shown.';
  return 'Lines are thinned to about 1,300 points.';
}

export function VerdictTrace({ verdictId, run }: { readonly verdictId: string; readonly run: JudgedRun }) {
  const answer = useAnswer('verdicts.trace', { verdictId, run: run.run }, { keep: true });
  const [shown, setShown] = useState<'losses' | 'difference'>('losses');
  const trace = answer.data;
  const canPart = run.firstDifferentStep !== null;
  const first = run.kind === 'training' ? 1 : 0;
  const parts = canPart && shown === 'difference';
  const lines = useMemo(() => (trace === undefined ? [] : parts ? parting(trace, first) : losses(trace, first)), [trace, parts, first]);
  const name = `${run.variant ?? 'run'}, seed ${run.seed}`;
  if (answer.isError) return <Problem error={answer.error} />;
  if (trace === undefined) return <div className="verdict-chart" />;
  const what = run.kind === 'training' ? 'training loss' : trace.key;
  const marks = trace.firstDivergentStep === null ? [] : [{ x: trace.firstDivergentStep + first, text: `first divergent step: ${trace.firstDivergentStep + first}` }];
  return (
    <div className={answer.isPlaceholderData ? 'verdict-chart stale' : 'verdict-chart'}>
      {canPart && (
        <Choice
          label="What the chart shows"
          value={shown}
          onChange={setShown}
          options={[
            { value: 'losses', label: run.kind === 'training' ? 'Losses' : trace.key },
            { value: 'difference', label: 'Relative difference' },
          ]}
        />
      )}
      <CurveChart
        lines={lines}
        xTitle="step"
        yTitle={parts ? `Relative difference of ${what}` : run.kind === 'training' ? 'Train loss (nats)' : trace.key}
        logY={parts}
        marks={marks}
        label={parts ? `Relative difference of recorded and re-executed ${what} over steps: ${name}` : `${what} over steps, recorded and re-executed here: ${name}`}
        exportName={`verdict-${run.variant ?? 'run'}-seed-${run.seed}`}
        height={280}
      />
      <p className="soft small">{caption(run, trace)}</p>
    </div>
  );
}
