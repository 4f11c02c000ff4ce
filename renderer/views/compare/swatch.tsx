/** A piece of a variant's line, as charts draw it. */
import { variantStyle } from '../../charts/palette';

const DASHES = { solid: undefined, dash: '5 3', dot: '2 2', dashdot: '6 2 2 2', longdash: '7 2', longdashdot: '9 2 2 2' } as const;

export function Swatch({ place }: { readonly place: number }) {
  const { color, dash } = variantStyle(place);
  return (
    <svg className="compare-swatch" width="16" height="8" viewBox="0 0 16 8" aria-hidden="true">
      <line x1="0" y1="4" x2="16" y2="4" stroke={color} strokeWidth="3" strokeDasharray={DASHES[dash]} />
    </svg>
  );
}
