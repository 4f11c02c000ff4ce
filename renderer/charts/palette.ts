/** One look a variant, the same in every view. */
import type { Style } from './types';

/** Series colours of theme.css besides the baseline's ink. */
const COLORS = 7;
const DASHES: readonly Style['dash'][] = ['solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot'];

/** @param index the variant's place in its study: 0 is the baseline, neutral dark; then 7 colours, and the same again in five dashes. */
export function variantStyle(index: number): Style {
  if (index <= 0) return { color: 'var(--ink)', dash: 'solid' };
  const place = (index - 1) % (COLORS * DASHES.length);
  return { color: `var(--series-${(place % COLORS) + 1})`, dash: DASHES[Math.floor(place / COLORS)] ?? 'solid' };
}
