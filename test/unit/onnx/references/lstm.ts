import { Draw, type Reference } from './sample';

const sigma = (x: number): number => 1 / (1 + Math.exp(-x));

/** One unit of one example at a time, with the gates in PyTorch's order: input, forget, candidate, output. */
const lstm: Reference = {
  sample(number) {
    const draw = new Draw('lstm', number);
    const [length, batch, size] = [draw.whole(1, 5), draw.whole(1, 4), draw.whole(1, 5)];
    const layer = [draw.floats([length, 4 * size, batch]), draw.floats([4 * size, size])];
    return { inputs: number % 4 === 3 ? layer : [...layer, draw.floats([batch, size]), draw.floats([batch, size])], attributes: undefined };
  },
  evaluate([projected, weightHidden, hidden, cell]) {
    const [length, , batch] = projected!.shape as [number, number, number];
    const size = weightHidden!.shape[1]!;
    let h = hidden?.data ?? new Float64Array(batch * size);
    let c = cell?.data ?? new Float64Array(batch * size);
    const shown: number[] = [];
    for (let step = 0; step < length; step += 1) {
      const before = h;
      const gate = (place: number, example: number, unit: number): number => {
        const row = place * size + unit;
        let sum = projected!.data[(step * 4 * size + row) * batch + example]!;
        for (let at = 0; at < size; at += 1) sum += weightHidden!.data[row * size + at]! * before[example * size + at]!;
        return sum;
      };
      const place = (index: number): [number, number] => [Math.floor(index / size), index % size];
      c = c.map((value, index) => sigma(gate(1, ...place(index))) * value + sigma(gate(0, ...place(index))) * Math.tanh(gate(2, ...place(index))));
      h = c.map((value, index) => sigma(gate(3, ...place(index))) * Math.tanh(value));
      shown.push(...h);
    }
    return [Float64Array.from(shown), h, c];
  },
};

/** The same after the products of all steps, one by one. */
const jointLstm: Reference = {
  sample(number) {
    const draw = new Draw('jointLstm', number);
    const [length, batch, inputs, size] = [draw.whole(1, 5), draw.whole(1, 4), draw.whole(1, 4), draw.whole(1, 5)];
    return { inputs: [draw.floats([length, inputs, batch]), draw.floats([4 * size, size + inputs])], attributes: undefined };
  },
  evaluate([x, weights]) {
    const [length, inputs, batch] = x!.shape as [number, number, number];
    const [rows, width] = weights!.shape as [number, number];
    const size = width - inputs;
    const weight = (row: number, column: number): number => weights!.data[row * width + column]!;
    const projected = Float64Array.from({ length: length * rows * batch }, (_, index) => {
      const [step, row, example] = [Math.floor(index / (rows * batch)), Math.floor(index / batch) % rows, index % batch];
      return Array.from({ length: inputs }, (_unused, at) => weight(row, size + at) * x!.data[(step * inputs + at) * batch + example]!).reduce((sum, term) => sum + term, 0);
    });
    const ofHidden = Float64Array.from({ length: rows * size }, (_, index) => weight(Math.floor(index / size), index % size));
    return lstm.evaluate([{ ...x!, shape: [length, rows, batch], data: projected }, { ...weights!, shape: [rows, size], data: ofHidden }], undefined);
  },
};

export const recurrentReferences: Readonly<Record<string, Reference>> = { lstm, jointLstm };
