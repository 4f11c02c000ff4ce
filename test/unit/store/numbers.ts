/** Numbers that look random and are the same every time: Numerical Recipes' linear congruential generator. */
export interface Numbers {
  /** Whole, 0 to below `limit`. */
  below(limit: number): number;
  /** In [0, 1). */
  unit(): number;
  /** Any kind of value that a metric can have. */
  odd(): number;
}

const ODD = [Number.NaN, Infinity, -Infinity, -0, 0, 1e-300, -1e300] as const;

export function numbers(seed: number): Numbers {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(unit() * limit);
  return { unit, below, odd: () => (below(4) === 0 ? ODD[below(ODD.length)]! : unit() * 10 - 5) };
}
