/** A run's curves: loss, whatever else was validated, learning rate over steps. */
import { useMemo, useState } from 'react';
import { Checkbox } from '@mantine/core';
import { exponentialMean } from '../../../src/analysis/smooth';
import type { RunDetails } from '../../../src/api/views';
import { higherIsBetter, lossInWords, METRIC_NAMES, METRICS, type MetricName } from '../../../src/config/metrics';
import type { Config } from '../../../src/config/schema';
import { CurveChart } from '../../charts/curve-chart';
import { variantStyle } from '../../charts/palette';
import { useSmoothing } from '../../charts/smoothing';
import type { Line, Mark, Style } from '../../charts/types';
import { Choice } from '../../components/choice';
import { Failure } from '../../components/messages';
import { capitalized } from '../../../src/analysis/plain-text';
import * as format from '../../format';
import { isEnded } from '../../run-status';
import { useAnswer } from '../../state/answers';

type Shown = MetricName | 'rate';

/** Points of a series that are asked for: about two a pixel of a wide screen. */
const POINTS = 2000;
/** Curves of a run that trains are asked for again so often. */
const LIVE_MS = 1000;


function titleOf(shown: Shown): string {
  return shown === 'rate' ? 'Learning rate' : capitalized(METRICS[shown].title);
}

/** What a curve is of; of the loss what it is. */
function axisOf(shown: Shown, { config }: RunDetails): string {
  return shown === 'loss' ? `Loss (${lossInWords(config as Config)})` : titleOf(shown);
}

/** Metrics that any split was measured by, the loss first. */
function measuredIn({ metrics }: RunDetails): MetricName[] {
  return METRIC_NAMES.filter((name) => name === 'loss' || metrics.some((row) => row.split !== 'test' && row[name] !== undefined));
}

/** Metrics of one split over steps, where there are any. */
function splitLine(details: RunDetails, split: 'train' | 'validation', value: MetricName, style: Style): Line[] {
  const rows = details.metrics.filter((row) => row.split === split && row[value] !== undefined);
  if (rows.length === 0) return [];
  return [{ name: split === 'train' ? 'train, whole split' : 'validation', style, x: rows.map((row) => row.step), y: rows.map((row) => row[value] ?? Number.NaN) }];
}

/** The look that the run's variant has in every view; ink for a run without a study. */
function useStyle({ run, lineage: { study } }: RunDetails): Style {
  const { data } = useAnswer('studies.get', study === null ? null : { studyId: study.studyId });
  const place = data?.matrix.findIndex(({ name }) => name === run.variant) ?? 0;
  return useMemo(() => variantStyle(place), [place]);
}

function marksOf({ run }: RunDetails): Mark[] {
  return run.selectedStep === null ? [] : [{ x: run.selectedStep, text: 'selected checkpoint' }];
}

export function Curves({ details }: { readonly details: RunDetails }) {
  const { run } = details;
  const [shown, setShown] = useState<Shown>('loss');
  const [logY, setLogY] = useState(false);
  const own = useStyle(details);
  const key = shown === 'rate' ? 'train.learningRate' : 'train.loss';
  const isEachStep = shown === 'loss' || shown === 'rate';
  const series = useAnswer('runs.series', !isEachStep ? null : { run: run.runId, key, points: POINTS }, { keep: true, everyMs: isEnded(run.status) ? null : LIVE_MS });
  const steps = series.data?.steps;
  const { halfLife, words, control } = useSmoothing((steps?.at(-1) ?? 0) - (steps?.[0] ?? 0));

  // What grows towards 1 has nothing to show there, and may be 0 or less.
  const hasLogAxis = shown === 'rate' || !higherIsBetter(shown);

  const lines = useMemo((): Line[] => {
    const each = series.data === undefined || !isEachStep ? null : series.data;
    switch (shown) {
      case 'loss': {
        if (each === null) return [];
        const smooth = halfLife > 0 ? { y: exponentialMean(each.steps, each.values, halfLife), raw: each.values } : { y: each.values };
        return [...splitLine(details, 'validation', 'loss', own), { name: halfLife > 0 ? 'train, smoothed' : 'train, each step', style: own, quiet: true, x: each.steps, ...smooth }];
      }
      case 'rate':
        return each === null ? [] : [{ name: 'learning rate', style: own, x: each.steps, y: each.values }];
      default:
        return [...splitLine(details, 'validation', shown, own), ...splitLine(details, 'train', shown, own).map((line) => ({ ...line, quiet: true }))];
    }
  }, [details, halfLife, isEachStep, own, series.data, shown]);
  const marks = useMemo(() => marksOf(details), [details]);

  const note = [
    ...(shown === 'loss' && halfLife > 0 ? [`The training loss is smoothed by an exponential moving average with a half-life of ${format.plural(halfLife, 'step')}; the faint line behind is each step as it is.`] : []),
    ...(isEachStep && series.data !== undefined && run.stepsDone > POINTS ? [`Thinned to ${format.count(series.data.steps.length)} of ${format.count(run.stepsDone)} steps; first, last and extremes are kept.`] : []),
  ].join(' ');

  return (
    <section aria-label="Curves">
      <div className="run-curves-head">
        <Choice
          label="Curve"
          value={shown}
          onChange={setShown}
          options={[...measuredIn(details), 'rate' as const].map((value) => ({ value, label: titleOf(value) }))}
        />
        {hasLogAxis && <Checkbox size="xs" label="Log axis" checked={logY} onChange={(event) => setLogY(event.currentTarget.checked)} />}
        {shown === 'loss' && control}
      </div>
      {series.isError && isEachStep ? (
        <Failure title="The curve could not be read" error={series.error} onRetry={() => void series.refetch()} />
      ) : lines.every((line) => line.x.length === 0) ? (
        <p className="soft run-curves-empty">{run.status === 'queued' ? 'No steps yet: the run waits for a free core.' : 'No values yet.'}</p>
      ) : (
        <CurveChart
          lines={lines}
          xTitle="Step"
          yTitle={axisOf(shown, details)}
          logY={logY && hasLogAxis}
          marks={marks}
          label={`${titleOf(shown)} of ${run.variant ?? run.experiment}, seed ${run.seed}, over ${format.plural(run.stepsDone, 'step')}${shown === 'loss' ? `, ${words}` : ''}`}
          exportName={`${run.reproductionId}-${shown}`}
        />
      )}
      <p className="soft small run-curves-note">{note}</p>
    </section>
  );
}
