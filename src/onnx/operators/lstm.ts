/**
 * Long short-term memory (Hochreiter & Schmidhuber, 1997; with the forget gate of Gers et al., 2000) over a sequence:
 *   z = W·x + R·h + b, i, f, o = σ(z_i), σ(z_f), σ(z_o), g = tanh(z_g), c' = f·c + i·g, h' = o·tanh(c').
 *
 * Inside, examples are columns: R·h with R as it is stored needs no packing of R at each step, as h·Rᵀ does, and the
 * gates are blocks of rows that lie together. The products with W, all gradients of weights and the gradient in x are
 * one product each for all steps; only what depends on the step before is scanned. Unrolling several steps into one
 * made the scan no quicker.
 */
import type { GraphBuilder } from '../graph';
import { add, concat, gemm, int64Vector, multiply, reshape, sigmoid, slice, split, subtract, sumOver, tanh, transpose } from '../primitives';
import { matmul } from '../primitives/products';
import { scan } from '../scan';
import { dimOf, formatShape, GraphError, sameShape, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import type { Operator } from './operator';

/** x [T, B, I], the weights of x [4H, I] and of h [4H, H], the bias [4H]; the states before the first step [B, H], zeros if left out. */
type Inputs =
  | readonly [x: FloatTensor, weightInput: FloatTensor, weightHidden: FloatTensor, bias: FloatTensor]
  | readonly [x: FloatTensor, weightInput: FloatTensor, weightHidden: FloatTensor, bias: FloatTensor, hidden: FloatTensor, cell: FloatTensor];

/** Of all steps, with examples in columns, and the weights with their gates in the order i, f, o, g. */
type Saved = readonly [
  hidden: FloatTensor,
  sigmoids: FloatTensor,
  candidates: FloatTensor,
  remembered: FloatTensor,
  entered: FloatTensor,
  squashed: FloatTensor,
  weightInput: FloatTensor,
  weightHidden: FloatTensor,
];

/**
 * An LSTM layer with PyTorch's order of the gates, i, f, g, o. Results: h of every step [T, B, H], and h and c after
 * the last [B, H]. The backward pass wants static shapes, the forward pass a static T only.
 */
export const lstm: Operator<Inputs, undefined, Saved> = {
  name: 'lstm',
  shapes: ([x, weightInput, weightHidden, bias, hidden, cell]) => {
    const size = sizeOf(weightHidden, 1);
    const state = [dimOf(x, 1), size];
    const fits =
      x.shape.length === 3 &&
      sameShape(weightInput.shape, [4 * size, dimOf(x, 2)]) &&
      sameShape(weightHidden.shape, [4 * size, size]) &&
      sameShape(bias.shape, [4 * size]) &&
      [hidden, cell].every((tensor) => tensor === undefined || sameShape(tensor.shape, state));
    if (!fits) throw new GraphError(`lstm cannot take ${[x, weightInput, weightHidden, bias, hidden, cell].flatMap((tensor) => (tensor === undefined ? [] : [formatShape(tensor.shape)])).join(', ')}`);
    return [[dimOf(x, 0), ...state], state, state];
  },

  forward: (graph, [x, weightInput, weightHidden, bias, hidden, cell]) => {
    const size = sizeOf(weightHidden, 1);
    const [w, r] = [sigmoidsFirst(graph, weightInput), sigmoidsFirst(graph, weightHidden)];
    const zero = hidden === undefined ? zeroState(graph, x, size) : null;
    const projected = add(graph, matmul(graph, w, columns(graph, x)), reshape(graph, sigmoidsFirst(graph, bias), [4 * size, 1]));
    const { carried, kept } = scan(
      graph,
      { carried: [hidden, cell].map((state) => (state === undefined ? zero! : columns(graph, state))), scanned: [projected] },
      (step, [h, c], [z]) => {
        const [zSigmoids, zCandidates] = split(step, gemm(step, r, h!, { addend: z! }), 0, [3 * size, size]);
        const sigmoids = sigmoid(step, zSigmoids!);
        const candidates = tanh(step, zCandidates!);
        const [input, forget, output] = split(step, sigmoids, 0, [size, size, size]);
        const remembered = multiply(step, forget!, c!);
        const entered = multiply(step, input!, candidates);
        const next = add(step, remembered, entered);
        const squashed = tanh(step, next);
        const shown = multiply(step, output!, squashed);
        return { carried: [shown, next], kept: [shown, sigmoids, candidates, remembered, entered, squashed] };
      },
    );
    const [shown, sigmoids, candidates, remembered, entered, squashed] = kept as [FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor];
    return { outputs: [shown, ...carried].map((tensor) => columns(graph, tensor)), saved: [shown, sigmoids, candidates, remembered, entered, squashed, w, r] };
  },

  vjp: (graph, { inputs: [x, , , bias, hidden], outputs: [shown], saved, gradients: [ofShown, ofHidden, ofCell], needs }) => {
    const [shownColumns, sigmoids, candidates, remembered, entered, squashed, w, r] = saved;
    const [length, batch, inputs, size] = [sizeOf(x, 0), sizeOf(x, 1), sizeOf(x, 2), sizeOf(r, 1)];
    const zero = zeroState(graph, x, size);
    // Each step gives the gradient in the h before it, to which that h's own share as a result is added in the same product.
    const ofResults = ofShown === null || ofShown === undefined ? null : columns(graph, ofShown);
    const ofLast = ofResults === null ? null : reshape(graph, slice(graph, ofResults, 0, length - 1, length), [size, batch]);
    const ofFinal = ofHidden === null || ofHidden === undefined ? null : columns(graph, ofHidden);
    const start = ofLast !== null && ofFinal !== null ? add(graph, ofLast, ofFinal) : (ofLast ?? ofFinal ?? zero);
    const rTransposed = columns(graph, r);
    const { carried, kept } = scan(
      graph,
      {
        carried: [start, ofCell === null || ofCell === undefined ? zero : columns(graph, ofCell)],
        scanned: [sigmoids, candidates, remembered, entered, squashed, shownColumns, ...(ofResults === null ? [] : [oneLater(graph, zero, ofResults)])],
        reverse: true,
      },
      (step, [dh, dcAfter], slices) => {
        const [s, g, kept, came, squash, h, ofResultBefore] = slices as [FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor | undefined];
        const [input, forget, output] = split(step, s, 0, [size, size, size]);
        // o(1 − tanh² c) is o − h·tanh c, and i(1 − g²) is i − (i·g)·g.
        const dc = add(step, multiply(step, dh!, subtract(step, output!, multiply(step, h, squash))), dcAfter!);
        const ofSigmoids = concat(step, [multiply(step, dc, came), multiply(step, dc, kept), multiply(step, dh!, h)], 0);
        const dz = concat(
          step,
          [multiply(step, subtract(step, step.scalar(1), s), ofSigmoids), multiply(step, dc, subtract(step, input!, multiply(step, came, g)))],
          0,
        );
        const dhBefore = gemm(step, rTransposed, dz, ofResultBefore === undefined ? {} : { addend: ofResultBefore });
        return { carried: [dhBefore, multiply(step, dc, forget!)], kept: [dz] };
      },
    );
    const rows = length * batch;
    const dz = reshape(graph, transpose(graph, kept[0]!, [1, 0, 2]), [4 * size, rows]);
    const hiddenBefore = (): FloatTensor => reshape(graph, oneLater(graph, hidden ?? columns(graph, zero), shown!), [rows, size]);
    return [
      needs[0] === true ? reshape(graph, gemm(graph, dz, w, { transA: true }), [length, batch, inputs]) : null,
      needs[1] === true ? sigmoidsApart(graph, gemm(graph, dz, reshape(graph, x, [rows, inputs]))) : null,
      needs[2] === true ? sigmoidsApart(graph, gemm(graph, dz, hiddenBefore())) : null,
      needs[3] === true ? sigmoidsApart(graph, reshape(graph, sumOver(graph, dz, [1]), bias.shape)) : null,
      needs[4] === true ? columns(graph, carried[0]!) : null,
      needs[5] === true ? columns(graph, carried[1]!) : null,
    ];
  },
};

/** The last two axes exchanged: examples to columns and back. */
function columns(graph: GraphBuilder, tensor: FloatTensor): FloatTensor {
  return transpose(graph, tensor, tensor.shape.length === 3 ? [0, 2, 1] : [1, 0]);
}

/** Zeros [H, B]. */
function zeroState(graph: GraphBuilder, x: FloatTensor, size: number): FloatTensor {
  const batch = dimOf(x, 1);
  const known = typeof batch === 'number';
  const shape = known ? int64Vector(graph, [size, batch]) : concat(graph, [int64Vector(graph, [size]), graph.node('Shape', [x], [{ type: 'int64', shape: [1] }], { start: { int: 1 }, end: { int: 2 } })[0]], 0);
  return graph.node('Expand', [graph.scalar(0), shape], [{ type: 'float32', shape: [size, batch] }])[0];
}

/** Along the first axis, `first` and then all but the last slice of `sequence`. */
function oneLater(graph: GraphBuilder, first: FloatTensor, sequence: FloatTensor): FloatTensor {
  const length = sizeOf(sequence, 0);
  const head = reshape(graph, first, [1, ...first.shape]);
  return length === 1 ? head : concat(graph, [head, slice(graph, sequence, 0, 0, length - 1)], 0);
}

/** Rows of gates from the order i, f, g, o into i, f, o, g: the three sigmoids side by side. */
function sigmoidsFirst(graph: GraphBuilder, gates: FloatTensor): FloatTensor {
  const [inputForget, candidate, output] = halfAndQuarters(graph, gates);
  return concat(graph, [inputForget, output, candidate], 0);
}

/** The reverse of `sigmoidsFirst`. */
function sigmoidsApart(graph: GraphBuilder, gates: FloatTensor): FloatTensor {
  const [inputForget, output, candidate] = halfAndQuarters(graph, gates);
  return concat(graph, [inputForget, candidate, output], 0);
}

function halfAndQuarters(graph: GraphBuilder, gates: FloatTensor): [FloatTensor, FloatTensor, FloatTensor] {
  const quarter = sizeOf(gates, 0) / 4;
  return split(graph, gates, 0, [2 * quarter, quarter, quarter]) as [FloatTensor, FloatTensor, FloatTensor];
}
