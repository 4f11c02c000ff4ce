/** The training loss of every variant while the study runs and after. */
import { lazy, Suspense, useMemo } from 'react';
import { exponentialMean, halfLives } from '../../../src/analysis/smooth';
import { variantStyle } from '../../charts/palette';
import type { Line } from '../../charts/types';
import { plural } from '../../format';
import { Section } from '../../frame/view';
import { useAnswer } from '../../state/answers';

const CurveChart = lazy(async () => ({ default: (await import('../../charts/curve-chart')).CurveChart }));

const POINTS = 400;
const HEIGHT = 280;

export interface StudyCurvesProps {
  readonly experiment: string;
  /** The variants' places in the study, by name: the same colours as in every view. */
  readonly places: ReadonlyMap<string, number>;
  /** Before the end the intervals of two or three seeds would hide the curves. */
  readonly ended: boolean;
}

export function StudyCurves({ experiment, places, ended }: StudyCurvesProps) {
  const { data } = useAnswer('compare.curves', { experiment, key: 'train.loss', points: POINTS }, { keep: true });
  // A hundredth of the curve: enough to see the trend of a loss that is noted at every step.
  const halfLife = useMemo(() => {
    const span = Math.max(0, ...(data?.variants ?? []).map(({ steps }) => (steps.at(-1) ?? 0) - (steps[0] ?? 0)));
    return halfLives(span).findLast((candidate) => candidate <= span / 100) ?? 0;
  }, [data]);
  const lines = useMemo(
    (): Line[] =>
      (data?.variants ?? []).flatMap(({ name, steps, mean, low, high }) => {
        if (steps.length === 0) return [];
        const smooth = (values: Float64Array): Float64Array => exponentialMean(steps, values, halfLife);
        return [{ name, style: variantStyle(places.get(name) ?? 0), x: steps, y: smooth(mean), ...(low.length === 0 || !ended ? {} : { band: { low: smooth(low), high: smooth(high) } }) }];
      }),
    [data, places, ended, halfLife],
  );
  if (data === undefined || lines.length === 0) return null;
  return (
    <Section title="Training loss">
      <Suspense fallback={<div className="study-chart-waiting" />}>
        <CurveChart lines={lines} xTitle="Step" yTitle="Train loss (nats)" height={HEIGHT} label="Training loss of each variant over steps" exportName={`${experiment} train loss`} />
      </Suspense>
      <p className="soft study-method" title={data.method}>
        {halfLife > 0 && `Smoothed by an exponential moving average with a half-life of ${plural(halfLife, 'step')}. `}
        {ended ? data.method : 'Mean over the finished seeds of each variant, or over those under way where none is finished; the interval is drawn when all are done.'}
      </p>
    </Section>
  );
}
