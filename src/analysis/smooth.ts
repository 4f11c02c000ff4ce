/** Smoothing of curves. */

/**
 * Exponential moving average over steps: at every step the mean of the values up to there, each weighted by
 * 2^(−age / halfLife), its age in steps. As it only looks back it lags behind fast changes; unlike the usual
 * recursion its first value does not weigh more than the others.
 * A value that is not finite is passed over and leaves NaN at its own step.
 * @param steps ascending
 * @param halfLife in steps; 0: the values as they are
 */
export function exponentialMean(steps: ArrayLike<number>, values: ArrayLike<number>, halfLife: number): Float64Array<ArrayBuffer> {
  const smooth = Float64Array.from(values);
  if (halfLife <= 0) return smooth;
  let sum = 0;
  let weight = 0;
  let last = 0;
  for (const [index, value] of smooth.entries()) {
    if (!Number.isFinite(value)) {
      smooth[index] = Number.NaN;
      continue;
    }
    const step = steps[index] ?? 0;
    const kept = 2 ** ((last - step) / halfLife);
    sum = sum * kept + value;
    weight = weight * kept + 1;
    last = step;
    smooth[index] = sum / weight;
  }
  return smooth;
}

/** Half-lives to choose from for a curve over so many steps: 0, then 1, 2, 5, 10… up to a quarter of it. */
export function halfLives(span: number): number[] {
  const offered = [0];
  for (let power = 1; power <= span; power *= 10) for (const digit of [1, 2, 5]) if (digit * power <= span / 4) offered.push(digit * power);
  return offered;
}
