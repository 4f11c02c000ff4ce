/** Points of a series, sorted by step, then time, then as they were logged. */
import type { Points } from './tracking';

export const NO_POINTS: Points = { steps: new Float64Array(0), times: new Float64Array(0), values: new Float64Array(0) };

/** Below, at or above zero: how the place of a point compares with another's. */
export function comparePlaces(step: number, time: number, otherStep: number, otherTime: number): number {
  return step - otherStep || time - otherTime;
}

export function slicePoints({ steps, times, values }: Points, from: number, to: number): Points {
  return { steps: steps.subarray(from, to), times: times.subarray(from, to), values: values.subarray(from, to) };
}

export function concatPoints(parts: readonly Points[]): Points {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const length = parts.reduce((sum, part) => sum + part.values.length, 0);
  const all = { steps: new Float64Array(length), times: new Float64Array(length), values: new Float64Array(length) };
  let at = 0;
  for (const part of parts) {
    all.steps.set(part.steps, at);
    all.times.set(part.times, at);
    all.values.set(part.values, at);
    at += part.values.length;
  }
  return all;
}

/** The number of points at the start whose place is not past the given one. */
export function countUpTo({ steps, times }: Points, step: number, time: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePlaces(steps[middle]!, times[middle]!, step, time) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The number of points at the start whose step is below the given one. */
export function countBelow({ steps }: Points, step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (steps[middle]! < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The same points in order, each once. Points that are in order already come back as they are. */
export function tidy(points: Points): Points {
  const sorted = inOrder(points);
  const { steps, times, values } = sorted;
  const { length } = values;
  const doubles = new Set<number>();
  let groupStart = 0;
  for (let index = 1; index < length; index += 1) {
    if (steps[index] !== steps[groupStart] || times[index] !== times[groupStart]) groupStart = index;
    else if (hasValue(values, groupStart, index, values[index]!)) doubles.add(index);
  }
  return doubles.size === 0 ? sorted : pick(sorted, Array.from({ length }, (_, index) => index).filter((index) => !doubles.has(index)));
}

/** Whether a value stands among those from `from` to before `to`. NaN equals NaN, and 0 is not −0. */
function hasValue(values: Float64Array, from: number, to: number, value: number): boolean {
  for (let index = from; index < to; index += 1) if (Object.is(values[index], value)) return true;
  return false;
}

function inOrder(points: Points): Points {
  const { steps, times } = points;
  let index = 1;
  while (index < steps.length && comparePlaces(steps[index - 1]!, times[index - 1]!, steps[index]!, times[index]!) <= 0) index += 1;
  if (index >= steps.length) return points;
  return pick(points, Array.from(steps.keys()).sort((a, b) => comparePlaces(steps[a]!, times[a]!, steps[b]!, times[b]!) || a - b));
}

function pick({ steps, times, values }: Points, indices: readonly number[]): Points {
  const of = (column: Float64Array): Float64Array => Float64Array.from(indices, (index) => column[index]!);
  return { steps: of(steps), times: of(times), values: of(values) };
}

/** Whether a point is among those in order. */
export function hasPoint(points: Points, step: number, time: number, value: number): boolean {
  const { steps, times, values } = points;
  for (let index = countUpTo(points, step, time) - 1; index >= 0 && steps[index] === step && times[index] === time; index -= 1) {
    if (Object.is(values[index], value)) return true;
  }
  return false;
}

/** Both in order; among points of one place `first` comes first. */
export function mergePoints(first: Points, second: Points): Points {
  const length = first.values.length + second.values.length;
  const all = { steps: new Float64Array(length), times: new Float64Array(length), values: new Float64Array(length) };
  let left = 0;
  let right = 0;
  for (let at = 0; at < length; at += 1) {
    const takesLeft =
      right >= second.values.length ||
      (left < first.values.length && comparePlaces(first.steps[left]!, first.times[left]!, second.steps[right]!, second.times[right]!) <= 0);
    const from = takesLeft ? first : second;
    const index = takesLeft ? left++ : right++;
    all.steps[at] = from.steps[index]!;
    all.times[at] = from.times[index]!;
    all.values[at] = from.values[index]!;
  }
  return all;
}
