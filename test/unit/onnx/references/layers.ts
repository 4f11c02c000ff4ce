import { Draw, floatValue, integerValue, product, type Reference } from './sample';

const linear: Reference = {
  sample(number) {
    const draw = new Draw('linear', number);
    const [batch, inputs, outputs] = [draw.whole(1, 7), draw.whole(1, 9), draw.whole(1, 8)];
    return { inputs: [draw.floats([batch, inputs]), draw.floats([outputs, inputs]), draw.floats([outputs])], attributes: undefined };
  },
  evaluate([x, weight, bias]) {
    const [batch, inputs] = x!.shape as [number, number];
    const outputs = bias!.shape[0]!;
    const result = new Float64Array(batch * outputs);
    for (let row = 0; row < batch; row += 1) {
      for (let output = 0; output < outputs; output += 1) {
        let sum = bias!.data[output]!;
        for (let input = 0; input < inputs; input += 1) sum += x!.data[row * inputs + input]! * weight!.data[output * inputs + input]!;
        result[row * outputs + output] = sum;
      }
    }
    return result;
  },
};

const convolution: Reference = {
  sample(number) {
    const draw = new Draw('convolution', number);
    // One channel and several have different backward passes: half of the samples each.
    const channels = number % 2 === 0 ? 1 : draw.whole(2, 3);
    const [batch, outputs, side] = [draw.whole(1, 3), draw.whole(1, 3), [1, 3, 3, 5][draw.whole(0, 3)]!];
    const [height, width] = [draw.whole(1, 5), draw.whole(1, 5)];
    return { inputs: [draw.floats([batch, channels, height, width]), draw.floats([outputs, channels, side, side]), draw.floats([outputs])], attributes: undefined };
  },
  evaluate([x, kernel, bias]) {
    const [batch, channels, height, width] = x!.shape as [number, number, number, number];
    const [outputs, , side] = kernel!.shape as [number, number, number, number];
    const padding = (side - 1) / 2;
    const result = new Float64Array(batch * outputs * height * width);
    let next = 0;
    for (let n = 0; n < batch; n += 1) {
      for (let o = 0; o < outputs; o += 1) {
        for (let h = 0; h < height; h += 1) {
          for (let w = 0; w < width; w += 1) {
            let sum = bias!.data[o]!;
            for (let c = 0; c < channels; c += 1) {
              for (let i = 0; i < side; i += 1) {
                for (let j = 0; j < side; j += 1) {
                  const [row, column] = [h + i - padding, w + j - padding];
                  if (row < 0 || row >= height || column < 0 || column >= width) continue;
                  sum += x!.data[((n * channels + c) * height + row) * width + column]! * kernel!.data[((o * channels + c) * side + i) * side + j]!;
                }
              }
            }
            result[next++] = sum;
          }
        }
      }
    }
    return result;
  },
};

const maxPool: Reference = {
  sample(number) {
    const draw = new Draw('maxPool', number);
    return { inputs: [draw.apart([draw.whole(1, 3), draw.whole(1, 3), draw.whole(2, 7), draw.whole(2, 7)], 0.01)], attributes: undefined };
  },
  evaluate([x]) {
    const [batch, channels, height, width] = x!.shape as [number, number, number, number];
    const result: number[] = [];
    for (let plane = 0; plane < batch * channels; plane += 1) {
      for (let h = 0; h + 1 < height; h += 2) {
        for (let w = 0; w + 1 < width; w += 2) {
          const at = (row: number, column: number): number => x!.data[(plane * height + row) * width + column]!;
          result.push(Math.max(at(h, w), at(h, w + 1), at(h + 1, w), at(h + 1, w + 1)));
        }
      }
    }
    return Float64Array.from(result);
  },
};

const dropout: Reference = {
  sample(number) {
    const draw = new Draw('dropout', number);
    const shape = [draw.whole(1, 6), draw.whole(1, 9)];
    return {
      inputs: [draw.floats(shape), integerValue('uint8', shape, draw.wholes(product(shape), 0, 1))],
      attributes: { dropProbability: draw.whole(0, 19) / 20 },
    };
  },
  evaluate([x, mask], attributes) {
    const { dropProbability } = attributes as { dropProbability: number };
    return x!.data.map((value, index) => (value * mask!.data[index]!) / (1 - dropProbability));
  },
};

const crossEntropy: Reference = {
  sample(number) {
    const draw = new Draw('crossEntropy', number);
    const [batch, classes] = [draw.whole(1, 7), draw.whole(2, 9)];
    const weights = draw.floats([batch]).data.map((value, index) => (index % 4 === 3 ? 0 : Math.abs(value)));
    return {
      inputs: [draw.floats([batch, classes], 3), integerValue('int64', [batch], draw.wholes(batch, 0, classes - 1)), floatValue([batch], weights, false)],
      attributes: undefined,
    };
  },
  evaluate([logits, labels, weights]) {
    const [batch, classes] = logits!.shape as [number, number];
    let loss = 0;
    for (let row = 0; row < batch; row += 1) {
      const values = logits!.data.slice(row * classes, (row + 1) * classes);
      const largest = Math.max(...values);
      const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
      loss += weights!.data[row]! * (largest + Math.log(total) - values[labels!.data[row]!]!);
    }
    return Float64Array.of(loss);
  },
};

export const layerReferences: Readonly<Record<string, Reference>> = { linear, convolution, maxPool, dropout, crossEntropy };
