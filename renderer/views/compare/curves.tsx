/** Curves of the variants: mean over seeds with its band. */
import { useMemo, useState } from 'react';
import { Checkbox, Select } from '@mantine/core';
import { exponentialMean } from '../../../src/analysis/smooth';
import type { CurveKey, CurvesView } from '../../../src/api/views';
import { METRIC_NAMES, METRICS } from '../../../src/config/metrics';
import { CurveChart } from '../../charts/curve-chart';
import { variantStyle } from '../../charts/palette';
import type { Line } from '../../charts/types';
import { Choice } from '../../components/choice';
import { Problem } from '../../components/messages';
import { Section } from '../../frame/view';
import { plural } from '../../format';
import { useAnswer } from '../../state/answers';
import { Cut } from './cut';
import { unitText } from './numbers';
import { useSmoothing } from '../../charts/smoothing';
import { Swatch } from './swatch';

/** More curves than that are chosen from a list. */
const MOST_SEGMENTS = 3;

/** `Train loss`, `Validation macro F1`; what others named goes by its name. */
function labelOf(key: CurveKey): string {
  if (key === 'train.loss') return 'Train loss';
  if (key === 'train.gradientNorm') return 'Norm of gradients';
  if (key === 'train.weightNorm') return 'Norm of weights';
  const metric = METRIC_NAMES.find((name) => key === `validation.${name}`);
  return metric === undefined ? key : `Validation ${METRICS[metric].title}`;
}

/** More steps than a wide screen has pixels for. */
const POINTS = 2000;
const HEIGHT = 400;
/** More bands than that cover one another and the lines. */
const MOST_BANDS = 8;

function linesOf(variants: CurvesView['variants'], hidden: ReadonlySet<string>, halfLife: number): Line[] {
  const withBands = variants.filter(({ name }) => !hidden.has(name)).length <= MOST_BANDS;
  return variants.flatMap(({ name, steps, mean, low, high }, place) => {
    if (hidden.has(name) || steps.length === 0) return [];
    const smooth = (values: Float64Array): Float64Array => exponentialMean(steps, values, halfLife);
    return [
      {
        name,
        style: variantStyle(place),
        x: steps,
        y: smooth(mean),
        ...(low.length === 0 || !withBands ? {} : { band: { low: smooth(low), high: smooth(high) } }),
        ...(halfLife === 0 ? {} : { raw: mean }),
      },
    ];
  });
}

function spanOf(variants: CurvesView['variants']): number {
  return Math.max(0, ...variants.map(({ steps }) => (steps.at(-1) ?? 0) - (steps[0] ?? 0)));
}

/** @param preferred the curve that is shown first; null where nothing says which */
export function Curves({ experiment, preferred }: { readonly experiment: string; readonly preferred: CurveKey | null }) {
  const [picked, setKey] = useState<CurveKey | null>(null);
  const [logY, setLogY] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const key = picked ?? preferred ?? 'train.loss';
  const answer = useAnswer('compare.curves', { experiment, key, points: POINTS }, { keep: true });
  const curves = answer.data;

  const span = useMemo(() => (curves === undefined ? 0 : spanOf(curves.variants)), [curves]);
  const { halfLife, words, control } = useSmoothing(span);
  const lines = useMemo(() => (curves === undefined ? [] : linesOf(curves.variants, hidden, halfLife)), [curves, hidden, halfLife]);
  const unit = unitText(curves?.unit ?? '');
  const keys = curves?.keys ?? [key];
  const title = curves === undefined ? '' : labelOf(curves.key);

  function toggle(name: string): void {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    setHidden(next);
  }

  return (
    <Section title="Curves">
      <div className="compare-controls">
        {keys.length > MOST_SEGMENTS ? (
          <Select size="xs" className="compare-metric" aria-label="Curve" data={keys.map((value) => ({ value, label: labelOf(value) }))} value={key} searchable allowDeselect={false} onChange={(value) => value !== null && setKey(value)} />
        ) : (
          <Choice label="Curve" options={keys.map((value) => ({ value, label: labelOf(value) }))} value={key} onChange={setKey} />
        )}
        <Checkbox size="xs" label="Log axis" checked={logY} onChange={(event) => setLogY(event.currentTarget.checked)} />
        {control}
      </div>
      {curves !== undefined && curves.variants.length > 1 && (
        <div className="compare-chips" role="group" aria-label="Variants shown">
          {curves.variants.map(({ name, n }, index) => (
            <button key={name} type="button" className="compare-chip" aria-pressed={!hidden.has(name)} title={`${name}, n = ${n}`} onClick={() => toggle(name)}>
              <Swatch place={index} />
              <Cut text={name} />
              <span className="compare-chip-n soft numbers">n = {n}</span>
            </button>
          ))}
        </div>
      )}
      {answer.isError && <Problem error={answer.error} />}
      {curves !== undefined && lines.length === 0 && <p className="compare-nothing soft">{hidden.size > 0 ? 'All variants are hidden. Press one above to show it.' : 'No run has such a curve yet.'}</p>}
      {lines.length > 0 && (
        <div className={answer.isPlaceholderData ? 'compare-stale' : undefined}>
          <CurveChart lines={lines} xTitle="Step" yTitle={`${title}${unit}`} logY={logY} height={HEIGHT} label={`${title} of each variant over training steps, ${words}`} exportName={`${experiment} ${title.toLowerCase().replaceAll('/', '-')}`} />
        </div>
      )}
      {curves !== undefined && (
        <p className="compare-method soft">
          {curves.method}
          {lines.length > MOST_BANDS && ` With more than ${MOST_BANDS} variants the bands are not drawn: hide some to see them.`}
          {halfLife > 0 && ` Mean and band are smoothed by an exponential moving average with a half-life of ${plural(halfLife, 'step')}; the faint line behind is the mean as it is.`}
        </p>
      )}
    </Section>
  );
}
