/** Metric series of a command or a logged run: which there are, and one of them drawn as closely as it is looked at. */
import { useCallback, useMemo, useState } from 'react';
import { Checkbox, TextInput } from '@mantine/core';
import { formatPlain } from '../../../src/analysis/format';
import type { RunDetails, SeriesWindowView } from '../../../src/api/views';
import { CurveChart } from '../../charts/curve-chart';
import { variantStyle } from '../../charts/palette';
import type { Line, Style } from '../../charts/types';
import { Failure } from '../../components/messages';
import * as format from '../../format';
import { isEnded } from '../../run-status';
import { useAnswer } from '../../state/answers';

type Series = RunDetails['series'][number];

/** Buckets that are asked for: about one a pixel. */
const BUCKETS = 800;
const LIVE_MS = 1000;
/** Rows of the list; a search finds the others. */
const MOST_ROWS = 200;
const ABOUT_MACHINE = /^system[/.]/u;

/** The look that the run's variant has in every view. */
function useStyle({ run, lineage: { study } }: RunDetails): Style {
  const { data } = useAnswer('studies.get', study === null ? null : { studyId: study.studyId });
  const place = data?.matrix.findIndex(({ name }) => name === run.variant) ?? 0;
  return useMemo(() => variantStyle(place), [place]);
}

function lineOf(key: string, { fromSteps, toSteps, mean, min, max, counts }: SeriesWindowView, style: Style): Line {
  const x = Float64Array.from(fromSteps, (from, index) => (from + (toSteps[index] ?? from)) / 2);
  return { name: key, style, x, y: mean, ...(counts.some((count) => count > 1) ? { band: { low: min, high: max } } : {}) };
}

interface SeriesListProps {
  readonly series: readonly Series[];
  readonly chosen: string;
  readonly onChoose: (key: string) => void;
}

function SeriesList({ series, chosen, onChoose }: SeriesListProps) {
  const [wanted, setWanted] = useState('');
  const words = wanted.toLowerCase().split(/\s+/u).filter((word) => word !== '');
  const found = series.filter(({ key }) => words.every((word) => key.toLowerCase().includes(word)));
  return (
    <div className="run-series-list">
      {series.length > 8 && <TextInput size="xs" aria-label="Search metrics" placeholder={`Search ${format.plural(series.length, 'metric')}`} value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />}
      <div className="run-series-scroll" tabIndex={0} role="region" aria-label="List of metrics">
        <table className="dense wide">
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col" className="number">
                Latest
              </th>
              <th scope="col" className="number">
                Smallest
              </th>
              <th scope="col" className="number">
                Largest
              </th>
              <th scope="col" className="number">
                Points
              </th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, MOST_ROWS).map(({ key, latest, min, max, points }) => (
              <tr key={key}>
                <td>
                  <button type="button" className="run-link run-series-key truncate" title={key} aria-pressed={key === chosen} onClick={() => onChoose(key)}>
                    {key}
                  </button>
                </td>
                <td className="number">{formatPlain(latest)}</td>
                <td className="number">{formatPlain(min)}</td>
                <td className="number">{formatPlain(max)}</td>
                <td className="number">{format.count(points)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length === 0 && <p className="soft">No metric has these words in its name.</p>}
      {found.length > MOST_ROWS && <p className="soft small">{format.count(found.length - MOST_ROWS)} more: search for them.</p>}
    </div>
  );
}

/** What the line is, in words. */
function noteOf(shown: SeriesWindowView | undefined, zoomed: boolean): string {
  if (shown === undefined) return '';
  const buckets = shown.counts.length;
  const which = zoomed ? `${format.count(shown.points)} of ${format.count(shown.total)} points are in view` : `${format.plural(shown.total, 'point')}`;
  return buckets < shown.points ? `${which}, drawn as ${format.count(buckets)} means; the band spans the smallest and largest of each. Drag over a part to see it closer.` : `${which}, each as it was logged.`;
}

export function SeriesSection({ details }: { readonly details: RunDetails }) {
  const { run, series, metric } = details;
  const declared = metric?.name.replace(/ \(best\)$/u, '');
  const first = series.find(({ key }) => key === declared) ?? series.find(({ key }) => !ABOUT_MACHINE.test(key)) ?? series[0];
  const [picked, setPicked] = useState<string | null>(null);
  const chosen = series.find(({ key }) => key === picked) ?? first;
  const [logY, setLogY] = useState(false);
  const [range, setRange] = useState<{ readonly key: string; readonly x: readonly [number, number] } | null>(null);
  const style = useStyle(details);
  const key = chosen?.key ?? '';
  const zoom = range?.key === key ? range.x : null;
  const window = useAnswer('series.window', chosen === undefined ? null : { run: run.runId, key, buckets: BUCKETS, ...(zoom === null ? {} : { from: zoom[0], to: zoom[1] }) }, { keep: true, everyMs: isEnded(run.status) ? null : LIVE_MS });
  const shown = window.data;
  const lines = useMemo(() => (shown === undefined || shown.counts.length === 0 ? [] : [lineOf(key, shown, style)]), [shown, key, style]);
  const onRange = useCallback((x: readonly [number, number] | null) => setRange(x === null ? null : { key, x }), [key]);

  if (chosen === undefined) return <p className="soft">{isEnded(run.status) ? 'It logged no metric.' : 'No metric yet.'}</p>;
  return (
    <section aria-label="Metrics" className="run-series">
      <SeriesList series={series} chosen={key} onChoose={setPicked} />
      <div className="run-series-chart">
        <div className="run-curves-head">
          <span className="truncate" title={key}>
            {key}
          </span>
          <Checkbox size="xs" label="Log axis" checked={logY} onChange={(event) => setLogY(event.currentTarget.checked)} />
        </div>
        {window.isError ? (
          <Failure title="The series could not be read" error={window.error} onRetry={() => void window.refetch()} />
        ) : lines.length === 0 ? (
          <p className="soft run-curves-empty">{shown === undefined ? 'Reading…' : 'No points in this stretch.'}</p>
        ) : (
          <CurveChart lines={lines} xTitle="Step" yTitle={key} logY={logY} onRange={onRange} label={`${key} over steps, ${format.plural(chosen.points, 'point')}`} exportName={`${run.runId}-${key.replaceAll(/[^\w.-]+/gu, '-')}`} />
        )}
        <p className="soft small run-curves-note">{noteOf(shown, zoom !== null)}</p>
      </div>
    </section>
  );
}
