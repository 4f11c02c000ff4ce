/**
 * Scaling of images in whole numbers, so that every machine gets the same bytes: the bilinear filter of Pillow
 * (`Image.resize(…, Resampling.BILINEAR)`, libImaging/Resample.c), which widens where an image becomes smaller;
 * first along the rows, then along the columns.
 */

/** Bits after the point of a weight: 32 less 8 of a value and 2 to spare. */
const PRECISION = 22;

interface Weights {
  /** For each new place its first old one. */
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** [places, widest]. */
  readonly values: Int32Array;
  readonly widest: number;
}

function weightsFor(oldSize: number, newSize: number): Weights {
  const scale = oldSize / newSize;
  const support = Math.max(scale, 1);
  const widest = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(newSize);
  const count = new Int32Array(newSize);
  const values = new Int32Array(newSize * widest);
  for (let place = 0; place < newSize; place++) {
    const center = (place + 0.5) * scale;
    const from = Math.max(0, Math.trunc(center - support + 0.5));
    const to = Math.min(oldSize, Math.trunc(center + support + 0.5));
    const weights = Array.from({ length: to - from }, (_, index) => Math.max(0, 1 - Math.abs((index + from - center + 0.5) * (1 / support))));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    first[place] = from;
    count[place] = to - from;
    weights.forEach((weight, index) => {
      values[place * widest + index] = Math.trunc(0.5 + (sum === 0 ? weight : weight / sum) * 2 ** PRECISION);
    });
  }
  return { first, count, values, widest };
}

/** Scales `lines` lines along one axis: rows, or columns of a picture that is `lines` wide. */
function alongAxis(pixels: Uint8Array, lines: number, oldSize: number, newSize: number, isRow: boolean): Uint8Array {
  const { first, count, values, widest } = weightsFor(oldSize, newSize);
  const out = new Uint8Array(lines * newSize);
  for (let line = 0; line < lines; line++) {
    for (let place = 0; place < newSize; place++) {
      let sum = 2 ** (PRECISION - 1);
      for (let index = 0; index < count[place]!; index++) {
        const at = first[place]! + index;
        sum += pixels[isRow ? line * oldSize + at : at * lines + line]! * values[place * widest + index]!;
      }
      const value = sum >> PRECISION;
      out[isRow ? line * newSize + place : place * lines + line] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
  return out;
}

/** Scales one channel [rows, columns] to [newRows, newColumns]. */
export function resample(pixels: Uint8Array, rows: number, columns: number, newRows: number, newColumns: number): Uint8Array {
  const wide = columns === newColumns ? pixels : alongAxis(pixels, rows, columns, newColumns, true);
  return rows === newRows ? wide : alongAxis(wide, newColumns, rows, newRows, false);
}
