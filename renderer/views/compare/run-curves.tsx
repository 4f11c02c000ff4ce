/** Loss curves of a few runs, one over the other. */
import { useMemo, useState } from 'react';
import { useQueries } from '@tanstack/react-query';
import { Checkbox } from '@mantine/core';
import { exponentialMean } from '../../../src/analysis/smooth';
import type { Output } from '../../../src/api/contract';
import { CurveChart } from '../../charts/curve-chart';
import type { Line, Style } from '../../charts/types';
import { Problem } from '../../components/messages';
import { answerKey, call } from '../../state/answers';
import { useSmoothing } from '../../charts/smoothing';

type Series = Output<'runs.series'>;

/** More steps than a wide screen has pixels for. */
const POINTS = 2000;

export interface NamedRun {
  readonly runId: string;
  /** A name of its own among the runs shown. */
  readonly name: string;
  readonly style: Style;
}

function combined(results: readonly { readonly data: Series | undefined; readonly error: unknown }[]): { readonly series: readonly (Series | undefined)[]; readonly error: unknown } {
  return { series: results.map(({ data }) => data), error: results.find(({ error }) => error !== null)?.error ?? null };
}

export function RunCurves({ runs }: { readonly runs: readonly NamedRun[] }) {
  const [logY, setLogY] = useState(false);
  const { series, error } = useQueries({
    queries: runs.map(({ runId }) => {
      const input = { run: runId, key: 'train.loss', points: POINTS } as const;
      return { queryKey: answerKey('runs.series', input), queryFn: () => call('runs.series', input) };
    }),
    combine: combined,
  });
  const span = useMemo(() => Math.max(0, ...series.map((one) => (one?.steps.at(-1) ?? 0) - (one?.steps[0] ?? 0))), [series]);
  const { halfLife, words, control } = useSmoothing(span);
  const lines = useMemo<readonly Line[]>(
    () =>
      runs.flatMap(({ name, style }, index) => {
        const one = series[index];
        if (one === undefined || one.steps.length === 0) return [];
        return [{ name, style, x: one.steps, y: exponentialMean(one.steps, one.values, halfLife), ...(halfLife === 0 ? {} : { raw: one.values }) }];
      }),
    [runs, series, halfLife],
  );
  return (
    <>
      <div className="compare-controls">
        <Checkbox size="xs" label="Log axis" checked={logY} onChange={(event) => setLogY(event.currentTarget.checked)} />
        {control}
      </div>
      {error !== null && <Problem error={error} />}
      {lines.length > 0 && <CurveChart lines={lines} xTitle="Step" yTitle="Train loss (nats)" logY={logY} label={`Train loss of ${runs.map(({ name }) => name).join(' and ')} over training steps, ${words}`} exportName="runs train loss" />}
      {error === null && lines.length === 0 && series.every((one) => one !== undefined) && <p className="compare-nothing soft">None of these runs has a loss yet.</p>}
    </>
  );
}
