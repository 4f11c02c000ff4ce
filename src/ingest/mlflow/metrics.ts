/** The points of a metric's series, page by page. */
import { z } from 'zod';
import { toLogged } from '../../events/records';
import { runOf, type MlflowContext } from './context';
import type { MetricEntity } from './entities';
import { int64, optionalText, runRef } from './fields';
import { offsetOf, pageToken } from './pages';

/** Clients page by 25,000; one that asks for no limit gets so many. */
const LONGEST_PAGE = 1_000_000;

export const metricHistoryRequest = z.intersection(
  runRef.transform((runId) => ({ runId })),
  z.object({ metric_key: z.string(), max_results: int64.refine((count) => count >= 1, { error: 'must be at least 1' }).optional(), page_token: optionalText }),
);

/** In the order of (step, time), as the store keeps them. */
export function getMetricHistory(context: MlflowContext, { runId, metric_key: key, max_results: most, page_token: token }: z.infer<typeof metricHistoryRequest>) {
  runOf(context, runId);
  const question = [runId, key];
  const from = offsetOf(token, question);
  const size = Math.min(most ?? LONGEST_PAGE, LONGEST_PAGE);
  const { steps, times, values } = context.store.points(runId, key, from, size + 1);
  const metrics: MetricEntity[] = [];
  for (let at = 0; at < Math.min(size, steps.length); at += 1) {
    metrics.push({ key, value: toLogged(values[at] ?? Number.NaN), timestamp: times[at] ?? 0, step: steps[at] ?? 0 });
  }
  return { metrics, ...(steps.length > size ? { next_page_token: pageToken(String(from + size), question) } : {}) };
}
