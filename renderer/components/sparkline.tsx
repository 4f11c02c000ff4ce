/** A line the size of a word: its shape, no scale. */
import { memo } from 'react';

const WIDTH = 56;
const HEIGHT = 16;

/** An SVG path through the values; a gap where one is no finite number; empty where there is nothing to draw. */
export function sparkPath(values: ArrayLike<number>, width = WIDTH, height = HEIGHT): string {
  const finite = Array.from(values).filter((value) => Number.isFinite(value));
  if (finite.length < 2) return '';
  const low = Math.min(...finite);
  const range = Math.max(...finite) - low || 1;
  let path = '';
  let drawing = false;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? NaN;
    if (Number.isFinite(value)) {
      const x = 1 + (index * (width - 2)) / (values.length - 1);
      const y = height - 1.5 - ((value - low) * (height - 3)) / range;
      path += `${drawing ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
      drawing = true;
    } else drawing = false;
  }
  return path;
}

export const Sparkline = memo(function Sparkline({ values }: { readonly values: Float64Array | undefined }) {
  return (
    <svg className="sparkline" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {values !== undefined && <path d={sparkPath(values)} fill="none" stroke="currentColor" strokeWidth="1.25" strokeLinejoin="round" />}
    </svg>
  );
});
