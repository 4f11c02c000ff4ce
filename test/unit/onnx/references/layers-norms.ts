import { Draw, type Reference, type Value } from './sample';

/** Norms over the last axis: `centre` takes the mean away first. */
function lastAxisNorm(name: string, centre: boolean): Reference {
  return {
    sample(number) {
      const draw = new Draw(name, number);
      const size = draw.whole(3, 9);
      const leading = [[3], [], [2, 3], [1, 1, 4]][number % 4]!;
      const all = [draw.floats([...leading, size]), draw.floats([size]), draw.floats([size])];
      return { inputs: number % 3 === 2 ? all.slice(0, 2) : all, attributes: { epsilon: number % 2 === 0 ? 1e-5 : 0.1 } };
    },
    evaluate([x, gain, bias], attributes) {
      const { epsilon } = attributes as { epsilon: number };
      const size = x!.shape.at(-1)!;
      return x!.data.map((value, index) => {
        const row = x!.data.subarray(index - (index % size), index - (index % size) + size);
        const mean = centre ? average(row) : 0;
        const square = average(row.map((item) => (item - mean) ** 2));
        return ((value - mean) / Math.sqrt(square + epsilon)) * gain!.data[index % size]! + at(bias, index % size);
      });
    },
  };
}

const average = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const at = (bias: Value | undefined, index: number): number => (bias === undefined ? 0 : bias.data[index]!);

export const normReferences: Readonly<Record<string, Reference>> = { layerNorm: lastAxisNorm('layerNorm', true), rmsNorm: lastAxisNorm('rmsNorm', false) };
