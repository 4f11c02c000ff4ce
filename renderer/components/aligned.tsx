/** A number in a column that is aligned on the decimal point although its neighbours have more decimals. */

/** Characters after the point; 0 without one. */
export function decimalsOf(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

/** @param decimals the most decimals in the column: what this number lacks stays empty */
export function Aligned({ text, decimals }: { readonly text: string; readonly decimals: number }) {
  const own = decimalsOf(text);
  const missing = Math.max(0, decimals - own);
  // A figure space is as wide as a digit, a punctuation space as a point.
  const pad = '\u2007'.repeat(missing) + (own === 0 && decimals > 0 ? '\u2008' : '');
  return (
    <>
      {text}
      {pad}
    </>
  );
}
