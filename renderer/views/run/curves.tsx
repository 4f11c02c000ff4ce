/** A run's curves: loss, accuracy, learning rate over steps. */
import { useId, useMemo, useState } from 'react';
import { Checkbox, NativeSelect, SegmentedControl } from '@mantine/core';
import { exponentialMean, halfLives } from '../../../src/analysis/smooth';
import type { RunDetails } from '../../../src/api/views';
import { CurveChart } from '../../charts/curve-chart';
import { variantStyle } from '../../charts/palette';
import type { Line, Mark } from '../../charts/types';
import { Failure } from '../../components/messages';
import * as format from '../../format';
import { isEnded } from '../../run-status';
import { useAnswer } from '../../state/answers';

type Shown = 'loss' | 'accuracy' | 'rate';

/** Points of a series that are asked for: about two a pixel of a wide screen. */
const POINTS = 2000;
/** Curves of a run that trains are asked for again so often. */
const LIVE_MS = 1000;

const yTitles: Readonly<Record<Shown, string>> = { loss: 'Cross-entropy loss (nats)', accuracy: 'Accuracy', rate: 'Learning rate' };

/** Metrics of one split over steps, where there are any. */
function splitLine(details: RunDetails, split: 'train' | 'validation', value: 'loss' | 'accuracy', style: number): Line[] {
  const rows = details.metrics.filter((row) => row.split === split);
  if (rows.length === 0) return [];
  return [{ name: split === 'train' ? 'train, whole split' : 'validation', style: variantStyle(style), x: rows.map((row) => row.step), y: rows.map((row) => row[value]) }];
}

function marksOf({ run }: RunDetails): Mark[] {
  return run.selectedStep === null ? [] : [{ x: run.selectedStep, text: 'selected checkpoint' }];
}

export function Curves({ details }: { readonly details: RunDetails }) {
  const { run } = details;
  const [shown, setShown] = useState<Shown>('loss');
  const [logY, setLogY] = useState(false);
  const [halfLife, setHalfLife] = useState(0);
  const smoothingId = useId();
  const key = shown === 'rate' ? 'train.learningRate' : 'train.loss';
  const series = useAnswer('runs.series', shown === 'accuracy' ? null : { run: run.runId, key, points: POINTS }, { keep: true, everyMs: isEnded(run.status) ? null : LIVE_MS });

  const lines = useMemo((): Line[] => {
    const own = series.data === undefined || shown === 'accuracy' ? null : series.data;
    switch (shown) {
      case 'loss': {
        if (own === null) return [];
        const smooth = halfLife > 0 ? { y: exponentialMean(own.steps, own.values, halfLife), raw: own.values } : { y: own.values };
        return [{ name: halfLife > 0 ? 'train, smoothed' : 'train, each step', style: variantStyle(0), x: own.steps, ...smooth }, ...splitLine(details, 'validation', 'loss', 1)];
      }
      case 'accuracy':
        return [...splitLine(details, 'train', 'accuracy', 0), ...splitLine(details, 'validation', 'accuracy', 1)];
      case 'rate':
        return own === null ? [] : [{ name: 'learning rate', style: variantStyle(0), x: own.steps, y: own.values }];
    }
  }, [details, halfLife, series.data, shown]);
  const marks = useMemo(() => marksOf(details), [details]);

  const note = [
    ...(shown === 'loss' && halfLife > 0 ? [`Training loss smoothed: exponential moving average, half-life ${format.plural(halfLife, 'step')}; the faint line is not.`] : []),
    ...(shown !== 'accuracy' && series.data !== undefined && run.stepsDone > POINTS ? [`Thinned to ${format.count(series.data.steps.length)} of ${format.count(run.stepsDone)} steps; first, last and extremes are kept.`] : []),
  ].join(' ');

  return (
    <section aria-label="Curves">
      <div className="run-curves-head">
        <SegmentedControl
          size="xs"
          aria-label="Curve"
          value={shown}
          onChange={(value) => setShown(value as Shown)}
          data={[
            { value: 'loss', label: 'Loss' },
            { value: 'accuracy', label: 'Accuracy' },
            { value: 'rate', label: 'Learning rate' },
          ]}
        />
        {shown !== 'accuracy' && <Checkbox size="xs" label="Log axis" checked={logY} onChange={(event) => setLogY(event.currentTarget.checked)} />}
        {shown === 'loss' && (
          <div className="run-smoothing">
            <label htmlFor={smoothingId}>Smoothing</label>
            <NativeSelect
              id={smoothingId}
              size="xs"
              value={String(halfLife)}
              onChange={(event) => setHalfLife(Number(event.currentTarget.value))}
              data={halfLives(run.stepsDone).map((steps) => ({ value: String(steps), label: steps === 0 ? 'none' : `half-life ${format.plural(steps, 'step')}` }))}
            />
          </div>
        )}
      </div>
      {series.isError && shown !== 'accuracy' ? (
        <Failure title="The curve could not be read" error={series.error} onRetry={() => void series.refetch()} />
      ) : lines.every((line) => line.x.length === 0) ? (
        <p className="soft run-curves-empty">{run.status === 'queued' ? 'No steps yet: the run waits for a free core.' : 'No values yet.'}</p>
      ) : (
        <CurveChart
          lines={lines}
          xTitle="Step"
          yTitle={yTitles[shown]}
          logY={logY && shown !== 'accuracy'}
          marks={marks}
          label={`${yTitles[shown]} of ${run.variant ?? run.experiment}, seed ${run.seed}, over ${format.plural(run.stepsDone, 'step')}`}
          exportName={`${run.reproductionId}-${shown}`}
        />
      )}
      <p className="soft small run-curves-note">{note}</p>
    </section>
  );
}
