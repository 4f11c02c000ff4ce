/** Where the words of a chart stand. */

/**
 * Centres of labels, each as near to its wish as the others let it (least squares), at least `gap` apart and within
 * `low`…`high`; closer together only where there is not room for all. In the order of the wishes.
 */
export function spread(wishes: readonly number[], gap: number, low: number, high: number): number[] {
  const count = wishes.length;
  if (count === 0) return [];
  const step = count === 1 ? gap : Math.min(gap, (high - low) / (count - 1));
  const order = wishes.map((_, index) => index).toSorted((a, b) => (wishes[a] ?? 0) - (wishes[b] ?? 0) || a - b);
  // Without the gaps the places must only not decrease: isotonic regression by pooling neighbours that do.
  const pools: { sum: number; size: number }[] = [];
  for (const [place, index] of order.entries()) {
    pools.push({ sum: (wishes[index] ?? 0) - place * step, size: 1 });
    for (;;) {
      const last = pools.at(-1);
      const before = pools.at(-2);
      if (last === undefined || before === undefined || before.sum / before.size <= last.sum / last.size) break;
      pools.pop();
      before.sum += last.sum;
      before.size += last.size;
    }
  }
  const centres = wishes.map(() => 0);
  let place = 0;
  for (const { sum, size } of pools) {
    const centre = Math.max(low, Math.min(high - (count - 1) * step, sum / size));
    for (let member = 0; member < size; member += 1, place += 1) centres[order[place] ?? 0] = centre + place * step;
  }
  return centres;
}

let canvas: CanvasRenderingContext2D | null = null;

/** Width in pixels of a text in a CSS font. */
export function textWidth(text: string, font: string): number {
  canvas ??= document.createElement('canvas').getContext('2d');
  if (canvas === null) return text.length * 7;
  canvas.font = font;
  return canvas.measureText(text).width;
}

/** The text, its middle left out where it is wider than `most` pixels: names differ at their ends. */
export function fitted(text: string, most: number, measure: (text: string) => number): string {
  if (measure(text) <= most) return text;
  let low = 0;
  let high = text.length - 1;
  const cut = (kept: number): string => `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(text.length - Math.floor(kept / 2))}`;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (measure(cut(middle)) <= most) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}

/** Characters that plotly would read as markup. */
export function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
