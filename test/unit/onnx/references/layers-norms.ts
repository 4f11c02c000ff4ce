import { Draw, floatValue, product, type Reference, type Value } from './sample';

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

/** x [N, C, …], gain and bias. */
function drawChannels(draw: Draw, number: number, channels: number): readonly Value[] {
  const spatial = [[], [draw.whole(1, 4)], [draw.whole(1, 3), draw.whole(2, 3)]][number % 3]!;
  return [draw.floats([draw.whole(2, 4), channels, ...spatial]), draw.floats([channels]), draw.floats([channels])];
}

/** The channel of an element. */
function channelOf(x: Value, index: number): number {
  return Math.floor(index / product(x.shape.slice(2))) % x.shape[1]!;
}

/** (x − mean)/√(variance + ε)·gain + bias with the moments of each element's set. */
function normedBy([x, gain, bias]: readonly Value[], epsilon: number, moments: (index: number) => readonly [number, number]): Float64Array {
  return x!.data.map((value, index) => {
    const [mean, variance] = moments(index);
    const channel = channelOf(x!, index);
    return ((value - mean) / Math.sqrt(variance + epsilon)) * gain!.data[channel]! + bias!.data[channel]!;
  });
}

function momentsOf(values: Float64Array): readonly [number, number] {
  const mean = average(values);
  return [mean, average(values.map((value) => (value - mean) ** 2))];
}

const epsilonOf = (number: number): number => (number % 2 === 0 ? 0.01 : 0.1);

const batchNorm: Reference = {
  sample(number) {
    const draw = new Draw('batchNorm', number);
    const inputs = drawChannels(draw, number, draw.whole(1, 6));
    const attributes = { epsilon: epsilonOf(number) };
    if (number % 4 < 2) return { inputs, attributes };
    // The last example fills the batch up.
    const examples = inputs[0]!.shape[0]!;
    return { inputs: [...inputs, floatValue([examples], Float64Array.from({ length: examples }, (_, example) => (example + 1 < examples ? 1 / (examples - 1) : 0)), false)], attributes };
  },
  evaluate(inputs, attributes) {
    const [x, , , shares] = inputs as [Value, Value, Value, Value | undefined];
    const counts = (index: number): boolean => shares === undefined || shares.data[Math.floor(index / product(x.shape.slice(1)))]! > 0;
    const moments = Array.from({ length: x.shape[1]! }, (_, channel) => momentsOf(x.data.filter((__, index) => channelOf(x, index) === channel && counts(index))));
    return [normedBy(inputs, (attributes as { epsilon: number }).epsilon, (index) => moments[channelOf(x, index)]!), Float64Array.from(moments, ([mean]) => mean), Float64Array.from(moments, ([, variance]) => variance)];
  },
};

const fixedBatchNorm: Reference = {
  sample(number) {
    const draw = new Draw('fixedBatchNorm', number);
    const channels = draw.whole(1, 6);
    const inputs = drawChannels(draw, number, channels);
    const statistics = [draw.floats([channels]).data, draw.floats([channels]).data.map((value) => value ** 2 + 0.1)];
    return { inputs: [...inputs, ...statistics.map((data) => floatValue([channels], data, false))], attributes: { epsilon: epsilonOf(number) } };
  },
  evaluate: (inputs, attributes) => normedBy(inputs, (attributes as { epsilon: number }).epsilon, (index) => [3, 4].map((input) => inputs[input]!.data[channelOf(inputs[0]!, index)]!) as [number, number]),
};

const groupNorm: Reference = {
  sample(number) {
    const draw = new Draw('groupNorm', number);
    const [groups, perGroup] = [draw.whole(1, 4), number % 3 === 0 ? draw.whole(3, 6) : draw.whole(1, 3)];
    // Groups of one element would all be their bias.
    const inputs = drawChannels(draw, number % 3 === 1 ? 2 : number, groups * perGroup);
    return { inputs, attributes: { groups, epsilon: epsilonOf(number) } };
  },
  evaluate(inputs, attributes) {
    const { groups, epsilon } = attributes as { groups: number; epsilon: number };
    const x = inputs[0]!;
    const size = x.data.length / x.shape[0]! / groups;
    return normedBy(inputs, epsilon, (index) => momentsOf(x.data.slice(index - (index % size), index - (index % size) + size)));
  },
};

const average = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const at = (bias: Value | undefined, index: number): number => (bias === undefined ? 0 : bias.data[index]!);

export const normReferences: Readonly<Record<string, Reference>> = { layerNorm: lastAxisNorm('layerNorm', true), rmsNorm: lastAxisNorm('rmsNorm', false), batchNorm, fixedBatchNorm, groupNorm };
