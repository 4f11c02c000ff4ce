/** Seeds as people type them. */
import type { TypedValue } from '../../../src/config/field-text';

const MOST_SEED = 0xffff_ffff;
const MOST_IN_A_RANGE = 1000;

/** `3`, `1, 2, 5`, `0–4` as a list of seeds. */
export function readSeeds(text: string): TypedValue {
  const seeds: number[] = [];
  for (const part of text.split(/[,;\s]+/u).filter((one) => one !== '')) {
    const match = /^(\d{1,10})(?:[-–…](\d{1,10}))?$/u.exec(part);
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || first > MOST_SEED || last > MOST_SEED) return { ok: false, message: 'must be a whole number from 0 to 4,294,967,295, or a range such as 0–4' };
    if (last < first || last - first >= MOST_IN_A_RANGE) return { ok: false, message: `must be a range upwards of at most ${MOST_IN_A_RANGE} seeds` };
    for (let seed = first; seed <= last; seed += 1) seeds.push(seed);
  }
  return { ok: true, value: seeds };
}
