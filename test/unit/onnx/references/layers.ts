import { broadcast, indicesOf, offsetWithin } from './indices';
import { lossReferences } from './layers-losses';
import { normReferences } from './layers-norms';
import { windowReferences } from './layers-windows';
import { Draw, integerValue, product, type Reference, type Value } from './sample';

/** op(a)·op(b) of two matrices with an addend that broadcasts. */
function affine(a: Value, b: Value, addend: Value | undefined, { transA = false, transB = false, alpha = 1, beta = 1 }: { transA?: boolean; transB?: boolean; alpha?: number; beta?: number }): Float64Array {
  const [rows, inner] = transA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const columns = transB ? b.shape[0]! : b.shape[1]!;
  return Float64Array.from(
    indicesOf([rows, columns]).map(([row, column]) => {
      let sum = 0;
      for (let at = 0; at < inner; at += 1) sum += a.data[transA ? at * rows + row! : row! * inner + at]! * b.data[transB ? column! * inner + at : at * columns + column!]!;
      return alpha * sum + (addend === undefined ? 0 : beta * addend.data[offsetWithin(addend.shape, [row!, column!])]!);
    }),
  );
}

const linear: Reference = {
  sample(number) {
    const draw = new Draw('linear', number);
    const [batch, inputs, outputs] = [draw.whole(1, 7), draw.whole(1, 9), draw.whole(1, 8)];
    const all = [draw.floats([batch, inputs]), draw.floats([outputs, inputs]), draw.floats([outputs])];
    return { inputs: number % 4 === 3 ? all.slice(0, 2) : all, attributes: undefined };
  },
  evaluate: ([x, weight, bias]) => affine(x!, weight!, bias, { transB: true }),
};

const gemm: Reference = {
  sample(number) {
    const draw = new Draw('gemm', number);
    const [rows, inner, columns] = [draw.whole(1, 6), draw.whole(1, 8), draw.whole(1, 7)];
    const [transA, transB] = [number % 2 === 1, number % 4 > 1];
    const addends = [[rows, columns], [columns], [1, columns], [rows, 1], [1], []];
    const all = [draw.floats(transA ? [inner, rows] : [rows, inner]), draw.floats(transB ? [columns, inner] : [inner, columns]), draw.floats(addends[number % 6]!)];
    const factors = number % 3 === 0 ? {} : { alpha: draw.whole(-4, 4) / 2, beta: draw.whole(1, 6) / 4 };
    return { inputs: number % 5 === 4 ? all.slice(0, 2) : all, attributes: { transA, transB, ...factors } };
  },
  evaluate: ([a, b, c], attributes) => affine(a!, b!, c, attributes as object),
};

const matmul: Reference = {
  sample(number) {
    const draw = new Draw('matmul', number);
    const [rows, inner, columns] = [draw.whole(1, 4), draw.whole(1, 5), draw.whole(1, 4)];
    const [m, n] = [draw.whole(2, 3), draw.whole(2, 3)];
    // No stack, equal stacks, one matrix for a stack from either side, and axes that broadcast one, both or crosswise.
    const stacks = [[[], []], [[m, n], [m, n]], [[m, n], []], [[], [m]], [[m, 1], [n]], [[1, n], [m, 1]], [[m, 1, n], [m, n, n]], [[m], [1]]];
    const [left, right] = stacks[number % stacks.length] as [number[], number[]];
    const [transA, transB] = [number % 3 === 1, number % 5 > 2];
    return {
      inputs: [draw.floats([...left, ...(transA ? [inner, rows] : [rows, inner])]), draw.floats([...right, ...(transB ? [columns, inner] : [inner, columns])])],
      attributes: { transA, transB },
    };
  },
  evaluate([a, b], attributes) {
    const { transA, transB } = attributes as { transA: boolean; transB: boolean };
    const [rows, inner] = transA ? [a!.shape.at(-1)!, a!.shape.at(-2)!] : [a!.shape.at(-2)!, a!.shape.at(-1)!];
    const columns = transB ? b!.shape.at(-2)! : b!.shape.at(-1)!;
    const leading = broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    return Float64Array.from(
      indicesOf([...leading, rows, columns]).map((index) => {
        const [stack, row, column] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
        let sum = 0;
        for (let at = 0; at < inner; at += 1) {
          sum += a!.data[offsetWithin(a!.shape, [...stack, ...(transA ? [at, row] : [row, at])])]! * b!.data[offsetWithin(b!.shape, [...stack, ...(transB ? [column, at] : [at, column])])]!;
        }
        return sum;
      }),
    );
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

export const layerReferences: Readonly<Record<string, Reference>> = { linear, gemm, matmul, dropout, ...windowReferences, ...normReferences, ...lossReferences };
