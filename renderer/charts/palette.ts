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

/** `#rrggbb` or `#rgb`, as a minifier writes it, with an opacity of 0…1; another notation stays as it is. */
export function faint(color: string, opacity: number): string {
  const byte = Math.round(opacity * 255).toString(16).padStart(2, '0');
  const whole = color.replace(/^#([0-9a-f])([0-9a-f])([0-9a-f])$/iu, '#$1$1$2$2$3$3');
  return /^#[0-9a-f]{6}$/iu.test(whole) ? `${whole}${byte}` : color;
}
