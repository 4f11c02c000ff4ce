import type { GraphBuilder } from '../graph';
import { add, gemm as emitGemm, multiply, reshape, sumTo, transpose } from '../primitives';
import { dimOf, elementCount, formatShape, GraphError, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import { single, type Operator } from './operator';

/** Two matrices, and what is added to their product, if anything. */
type Inputs = readonly [FloatTensor, FloatTensor] | readonly [FloatTensor, FloatTensor, FloatTensor];

/** x·Wᵀ + b for x [batch, in], W [out, in] and b [out] if there is one (PyTorch's layout): one Gemm forward, one for each gradient. */
export const linear: Operator<Inputs, undefined> = single({
  name: 'linear',
  shape: ([x, weight, bias]) => {
    if (x.shape.length !== 2 || dimOf(x, 1) !== dimOf(weight, 1) || (bias !== undefined && dimOf(weight, 0) !== dimOf(bias, 0))) {
      throw new GraphError(`linear cannot take ${[x, weight, bias].map((tensor) => formatShape(tensor?.shape ?? [])).join(', ')}`);
    }
    return [dimOf(x, 0), dimOf(weight, 0)];
  },
  forward: (graph, [x, weight, bias]) => {
    // Gemm copies what it adds on one thread alone: the larger the result, the longer the others wait.
    const apart = bias !== undefined && (elementCount([dimOf(x, 0), dimOf(weight, 0)]) ?? 0) >= LARGE;
    const product = emitGemm(graph, x, weight, bias === undefined || apart ? { transB: true } : { transB: true, addend: bias });
    return { output: apart ? add(graph, product, bias) : product, saved: [] };
  },
  vjp: (graph, { inputs: [x, weight, bias], gradient, needs }) => [
    needs[0] === true ? emitGemm(graph, gradient, weight) : null,
    needs[1] === true ? weightGradient(graph, x, gradient) : null,
    needs[2] === true && bias !== undefined ? sumTo(graph, gradient, bias.shape) : null,
  ],
});

/** Elements of a matrix from which on it is worth another node to go through it quicker. */
const LARGE = 2 ** 17;

/** gᵀ·x. With many rows a product is quicker when its second factor is the narrower. */
function weightGradient(graph: GraphBuilder, x: FloatTensor, gradient: FloatTensor): FloatTensor {
  const [rows, inputs, outputs] = [sizeOf(x, 0), sizeOf(x, 1), sizeOf(gradient, 1)];
  if (outputs >= inputs || inputs >= rows || rows * inputs < LARGE) return emitGemm(graph, gradient, x, { transA: true });
  // As a stack of one, since ONNX Runtime would make the transposition of a matrix part of the product again.
  const product = reshape(graph, emitGemm(graph, x, gradient, { transA: true }), [1, inputs, outputs]);
  return reshape(graph, transpose(graph, product, [0, 2, 1]), [outputs, inputs]);
}

export interface GemmAttributes {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Factor of the product, 1 where left out. */
  readonly alpha?: number;
  /** Factor of what is added, 1 where left out. */
  readonly beta?: number;
}

/** ONNX's Gemm: alpha·op(A)·op(B) + beta·C, where C may broadcast to the product. */
export const gemm: Operator<Inputs, GemmAttributes> = single({
  name: 'gemm',
  shape: ([a, b], { transA, transB }) => [dimOf(a, transA === true ? 1 : 0), dimOf(b, transB === true ? 0 : 1)],
  forward: (graph, [a, b, c], attributes) => ({ output: emitGemm(graph, a, b, c === undefined ? attributes : { ...attributes, addend: c }), saved: [] }),
  vjp: (graph, { inputs: [a, b, c], attributes: { transA = false, transB = false, alpha = 1, beta = 1 }, gradient, needs }) => {
    const gradientOfA = (): FloatTensor =>
      transA ? emitGemm(graph, b, gradient, { transA: transB, transB: true, alpha }) : emitGemm(graph, gradient, b, { transB: !transB, alpha });
    const gradientOfB = (): FloatTensor =>
      transB ? emitGemm(graph, gradient, a, { transA: true, transB: transA, alpha }) : emitGemm(graph, a, gradient, { transA: !transA, alpha });
    return [needs[0] === true ? gradientOfA() : null, needs[1] === true ? gradientOfB() : null, needs[2] === true && c !== undefined ? scaled(graph, sumTo(graph, gradient, c.shape), beta) : null];
  },
});

function scaled(graph: GraphBuilder, tensor: FloatTensor, factor: number): FloatTensor {
  return factor === 1 ? tensor : multiply(graph, tensor, graph.scalar(factor));
}
