import { Draw, floatValue, integerValue, type Reference, type Sample, type Value } from './sample';

/** Weights of rows, some of them 0. */
function drawWeights(draw: Draw, rows: number): Value {
  return floatValue([rows], draw.floats([rows]).data.map((value, index) => (index % 4 === 3 ? 0 : Math.abs(value))), false);
}

const crossEntropy: Reference = {
  sample(number) {
    const draw = new Draw('crossEntropy', number);
    // Few classes and many have each a backward pass of their own.
    const [batch, classes] = [draw.whole(1, 7), number % 4 === 3 ? draw.whole(257, 300) : draw.whole(2, 9)];
    const ignoreIndex = number % 3 === 1 ? -100 : 1;
    const labels = draw.wholes(batch, 0, classes - 1).map((label, row) => (number % 3 > 0 && row % 3 === 1 ? ignoreIndex : label));
    const smoothing = number % 2 === 1 ? { labelSmoothing: draw.whole(1, 10) / 10 } : {};
    return {
      inputs: [draw.floats([batch, classes], 3), integerValue('int64', [batch], labels), drawWeights(draw, batch)],
      attributes: { ...smoothing, ...(number % 3 > 0 ? { ignoreIndex } : {}) },
    };
  },
  evaluate([logits, labels, weights], attributes) {
    const { labelSmoothing = 0, ignoreIndex } = attributes as { labelSmoothing?: number; ignoreIndex?: number };
    const [batch, classes] = logits!.shape as [number, number];
    let loss = 0;
    for (let row = 0; row < batch; row += 1) {
      if (labels!.data[row] === ignoreIndex) continue;
      const values = logits!.data.slice(row * classes, (row + 1) * classes);
      const largest = Math.max(...values);
      const total = largest + Math.log(sum(values.map((value) => Math.exp(value - largest))));
      loss += weights!.data[row]! * ((1 - labelSmoothing) * (total - values[labels!.data[row]!]!) + labelSmoothing * (total - sum(values) / classes));
    }
    return Float64Array.of(loss);
  },
};

/** Σ weight · mean of the row's losses, for a loss of one output and its target. */
function elementwise(name: string, loss: (output: number, target: number, attributes: unknown) => number, sample: (draw: Draw, shape: readonly number[], number: number) => readonly [Value, Value, unknown], kinks?: () => readonly Sample[]): Reference {
  return {
    sample(number) {
      const draw = new Draw(name, number);
      const rows = draw.whole(1, 9);
      const [outputs, targets, attributes] = sample(draw, [rows, draw.whole(1, 8)], number);
      return { inputs: [outputs, { ...targets, differentiable: false }, drawWeights(draw, rows)], attributes };
    },
    ...(kinks === undefined ? {} : { kinks }),
    evaluate([outputs, targets, weights], attributes) {
      const width = outputs!.shape[1]!;
      return Float64Array.of(sum(outputs!.data.map((output, index) => (weights!.data[Math.floor(index / width)]! * loss(output, targets!.data[index]!, attributes)) / width)));
    },
  };
}

const meanSquaredError = elementwise('meanSquaredError', (output, target) => (output - target) ** 2, (draw, shape) => [draw.floats(shape, 2), draw.floats(shape), undefined]);

const huber = elementwise(
  'huber',
  (output, target, attributes) => {
    const { delta } = attributes as { delta: number };
    const distance = Math.abs(output - target);
    return distance < delta ? distance ** 2 / 2 : delta * (distance - delta / 2);
  },
  (draw, shape, number) => [draw.floats(shape, 2), draw.floats(shape), { delta: number % 2 === 0 ? 1 : draw.whole(1, 8) / 4 }],
  // Exactly at delta both branches meet.
  () => [{ inputs: [floatValue([1, 4], Float64Array.of(1, -1, 0, 3)), floatValue([1, 4], Float64Array.of(0, 0, 0, 2), false), floatValue([1], Float64Array.of(1), false)], attributes: { delta: 1 } }],
);

const binaryCrossEntropyWithLogits = elementwise(
  'binaryCrossEntropyWithLogits',
  (logit, target) => Math.max(logit, 0) + Math.log1p(Math.exp(-Math.abs(logit))) - logit * target,
  (draw, shape, number) => {
    const logits = draw.floats(shape, number % 4 === 3 ? 40 : 2);
    return [logits, floatValue(shape, draw.wholes(logits.data.length, 0, 4).map((value) => (number % 2 === 0 ? value % 2 : value / 4))), undefined];
  },
);

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

export const lossReferences: Readonly<Record<string, Reference>> = { crossEntropy, meanSquaredError, huber, binaryCrossEntropyWithLogits };
