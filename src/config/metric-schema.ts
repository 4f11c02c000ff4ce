import { z } from 'zod';
import { METRIC_NAMES, type MetricName } from './metrics';

/** The shape of `MetricValuesOf`: the loss and whatever other metrics there are. Others that later versions have pass unseen. */
export function metricsSchema<V extends z.ZodType>(value: V): z.ZodObject<Record<Exclude<MetricName, 'loss'>, z.ZodOptional<V>> & { readonly loss: V }> {
  const others = Object.fromEntries(METRIC_NAMES.map((name) => [name, value.optional()])) as Record<MetricName, z.ZodOptional<V>>;
  return z.object({ ...others, loss: value });
}
