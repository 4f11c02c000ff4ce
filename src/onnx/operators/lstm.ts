/**
 * Long short-term memory (Hochreiter & Schmidhuber, 1997; with the forget gate of Gers et al., 2000) over a sequence:
 *   z' = z + R·h, i, f, o = σ(z'_i), σ(z'_f), σ(z'_o), g = tanh(z'_g), c' = f·c + i·g, h' = o·tanh(c'),
 * where z is what the inputs of all steps come to, W·x + b, which `onnx/recurrence` computes in one product. Where x is
 * narrow it is quicker to take it into the product of each step: [R W]·[h; x].
 *
 * Inside, examples are columns: R·h with R as it is stored needs no packing of R at each step, as h·Rᵀ does, and the
 * gates are blocks of rows that lie together. The gradient of R is one product for all steps, and all factors of the
 * backward pass that do not depend on the step after are computed for all steps at once; only the rest is scanned.
 * Unrolling several steps into one made the scan no quicker.
 */
import type { GraphBuilder } from '../graph';
import { add, concat, gemm, int64Vector, multiply, reshape, sigmoid, slice, split, subtract, tanh, transpose } from '../primitives';
import { matmul } from '../primitives/products';
import { scan } from '../scan';
import { dimOf, formatShape, GraphError, sameShape, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import type { Operator } from './operator';

/** z [T, 4H, B] and the weights of h [4H, H], with the gates in PyTorch's order i, f, g, o; the states before the first step [B, H], zeros if left out. */
type Inputs = readonly [projected: FloatTensor, weightHidden: FloatTensor] | readonly [projected: FloatTensor, weightHidden: FloatTensor, hidden: FloatTensor, cell: FloatTensor];

/** Of all steps [T, H, B]. */
type Saved = readonly [
  shown: FloatTensor,
  input: FloatTensor,
  forget: FloatTensor,
  candidate: FloatTensor,
  output: FloatTensor,
  remembered: FloatTensor,
  entered: FloatTensor,
  squashed: FloatTensor,
];

/**
 * Results: h of every step [T, B, H], and h and c after the last [B, H]. The backward pass wants static shapes, the
 * forward pass a static T only.
 */
export const lstm: Operator<Inputs, undefined, Saved> = {
  name: 'lstm',
  shapes: ([projected, weightHidden, hidden, cell]) => {
    const size = sizeOf(weightHidden, 1);
    const state = [dimOf(projected, 2), size];
    const fits =
      projected.shape.length === 3 &&
      sizeOf(projected, 1) === 4 * size &&
      sameShape(weightHidden.shape, [4 * size, size]) &&
      [hidden, cell].every((tensor) => tensor === undefined || sameShape(tensor.shape, state));
    if (!fits) throw new GraphError(`lstm cannot take ${[projected, weightHidden, hidden, cell].flatMap((tensor) => (tensor === undefined ? [] : [formatShape(tensor.shape)])).join(', ')}`);
    return [[dimOf(projected, 0), ...state], state, state];
  },

  forward: (graph, [projected, weightHidden, hidden, cell]) => {
    const zero = hidden === undefined ? zeroState(graph, projected, sizeOf(weightHidden, 1)) : null;
    const start = [hidden, cell].map((state) => (state === undefined ? zero! : columns(graph, state)));
    const { outputs, saved } = forth(graph, start, projected, (step, h, z) => ({ gates: gemm(step, weightHidden, h, { addend: z }), kept: [] }));
    return { outputs, saved };
  },

  vjp: (graph, { inputs: [projected, weightHidden, hidden], outputs: [shown], saved, gradients, needs }) => {
    const [length, size, batch] = [sizeOf(projected, 0), sizeOf(weightHidden, 1), sizeOf(projected, 2)];
    const zero = zeroState(graph, projected, size);
    const { ofGates, ofStart } = back(graph, saved, weightHidden, zero, gradients);
    const ofWeight = (): FloatTensor => gemm(graph, asRows(graph, ofGates), reshape(graph, oneLater(graph, hidden ?? columns(graph, zero), shown!), [length * batch, size]));
    return [ofGates, needs[1] === true ? ofWeight() : null, needs[2] === true ? columns(graph, ofStart[0]) : null, needs[3] === true ? columns(graph, ofStart[1]) : null];
  },
};

/**
 * The same where a step reads x as it is, in one product with h: x [T, I, B] and the weights [4H, H + I] of h and of x.
 * The states before the first step are zeros. Shapes are static.
 */
export const jointLstm: Operator<readonly [FloatTensor, FloatTensor], undefined, readonly [...Saved, read: FloatTensor]> = {
  name: 'jointLstm',
  shapes: ([x, weights]) => {
    const [rows, size] = [sizeOf(weights, 0), sizeOf(weights, 0) / 4];
    if (x.shape.length !== 3 || rows % 4 !== 0 || sizeOf(weights, 1) !== size + sizeOf(x, 1)) throw new GraphError(`jointLstm cannot take ${formatShape(x.shape)}, ${formatShape(weights.shape)}`);
    const state = [sizeOf(x, 2), size];
    return [[sizeOf(x, 0), ...state], state, state];
  },

  forward: (graph, [x, weights]) => {
    const zero = zeroState(graph, x, sizeOf(weights, 0) / 4);
    const { outputs, saved, more } = forth(graph, [zero, zero], x, (step, h, slice) => {
      const read = concat(step, [h, slice], 0);
      return { gates: gemm(step, weights, read), kept: [read] };
    });
    return { outputs, saved: [...saved, more[0]!] };
  },

  vjp: (graph, { inputs: [x, weights], saved: [...saved], gradients, needs }) => {
    const read = saved.pop()!;
    const size = sizeOf(weights, 0) / 4;
    const [ofHidden, ofX] = split(graph, weights, 1, [size, sizeOf(x, 1)]) as [FloatTensor, FloatTensor];
    const { ofGates } = back(graph, saved as unknown as Saved, ofHidden, zeroState(graph, x, size), gradients);
    return [
      needs[0] === true ? matmul(graph, columns(graph, ofX), ofGates) : null,
      needs[1] === true ? gemm(graph, asRows(graph, ofGates), reshape(graph, columns(graph, read), [sizeOf(x, 0) * sizeOf(x, 2), sizeOf(weights, 1)])) : null,
    ];
  },
};

/** What a step makes of h and its slice: its gates [4H, B] before their activations, and what is to be kept besides. */
type Read = (step: GraphBuilder, h: FloatTensor, slice: FloatTensor) => { readonly gates: FloatTensor; readonly kept: readonly FloatTensor[] };

/** From the first step to the last, of which each reads a slice of `scanned`; `start` is h and c before the first [H, B]. */
function forth(graph: GraphBuilder, start: readonly FloatTensor[], scanned: FloatTensor, read: Read): { readonly outputs: readonly FloatTensor[]; readonly saved: Saved; readonly more: readonly FloatTensor[] } {
  const size = sizeOf(start[0]!, 0);
  const { carried, kept } = scan(graph, { carried: start, scanned: [scanned] }, (step, [h, c], [slice]) => {
    const { gates, kept: besides } = read(step, h!, slice!);
    const [ofInput, ofForget, ofCandidate, ofOutput] = split(step, gates, 0, [size, size, size, size]);
    const input = sigmoid(step, ofInput!);
    const forget = sigmoid(step, ofForget!);
    const candidate = tanh(step, ofCandidate!);
    const output = sigmoid(step, ofOutput!);
    const remembered = multiply(step, forget, c!);
    const entered = multiply(step, input, candidate);
    const next = add(step, remembered, entered);
    const squashed = tanh(step, next);
    const shown = multiply(step, output, squashed);
    return { carried: [shown, next], kept: [input, forget, candidate, output, remembered, entered, squashed, ...besides] };
  });
  const [input, forget, candidate, output, remembered, entered, squashed, ...more] = kept as [FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor, ...FloatTensor[]];
  // As in the steps: what is carried would have to be copied to be kept as well.
  const shown = multiply(graph, output, squashed);
  return { outputs: [shown, ...carried].map((tensor) => columns(graph, tensor)), saved: [shown, input, forget, candidate, output, remembered, entered, squashed], more };
}

/** From the last step to the first: the gradients in the gates before their activations [T, 4H, B], and in h and c before the first step [H, B]. */
function back(graph: GraphBuilder, saved: Saved, weightHidden: FloatTensor, zero: FloatTensor, [ofShown = null, ofHidden = null, ofCell = null]: readonly (FloatTensor | null)[]): { readonly ofGates: FloatTensor; readonly ofStart: readonly [FloatTensor, FloatTensor] } {
  const [length, size, batch] = [sizeOf(saved[0], 0), sizeOf(saved[0], 1), sizeOf(saved[0], 2)];
  // Each step gives the gradient in the h before it, to which that h's own share as a result is added in the same product.
  const ofResults = ofShown === null ? null : columns(graph, ofShown);
  const ofLast = ofResults === null ? null : reshape(graph, slice(graph, ofResults, 0, length - 1, length), [size, batch]);
  const ofFinal = ofHidden === null ? null : columns(graph, ofHidden);
  const start = ofLast !== null && ofFinal !== null ? add(graph, ofLast, ofFinal) : (ofLast ?? ofFinal ?? zero);
  const turned = columns(graph, weightHidden);
  const { carried, kept } = scan(
    graph,
    {
      carried: [start, ofCell === null ? zero : columns(graph, ofCell)],
      scanned: [...slopes(graph, saved), ...(ofResults === null ? [] : [oneLater(graph, zero, ofResults)])],
      reverse: true,
    },
    (step, [dh, dcAfter], slices) => {
      const [cellByShown, byInput, byForget, byCandidate, byOutput, forget, ofResultBefore] = slices as [FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor, FloatTensor | undefined];
      const dc = add(step, multiply(step, dh!, cellByShown), dcAfter!);
      const dz = concat(step, [multiply(step, dc, byInput), multiply(step, dc, byForget), multiply(step, dc, byCandidate), multiply(step, dh!, byOutput)], 0);
      const dhBefore = gemm(step, turned, dz, ofResultBefore === undefined ? {} : { addend: ofResultBefore });
      return { carried: [dhBefore, multiply(step, dc, forget)], kept: [dz] };
    },
  );
  return { ofGates: kept[0]!, ofStart: carried as unknown as readonly [FloatTensor, FloatTensor] };
}

/** Slices [T, rows, B] beside each other: [rows, T · B]. */
function asRows(graph: GraphBuilder, slices: FloatTensor): FloatTensor {
  return reshape(graph, transpose(graph, slices, [1, 0, 2]), [sizeOf(slices, 1), sizeOf(slices, 0) * sizeOf(slices, 2)]);
}

/** Of all steps, the derivatives of c' in h', of the gates' z' in c' (of the output's in h'), and the forget gates. */
function slopes(graph: GraphBuilder, [shown, input, forget, candidate, output, remembered, entered, squashed]: Saved): readonly FloatTensor[] {
  const complement = (value: FloatTensor): FloatTensor => subtract(graph, graph.scalar(1), value);
  return [
    // o(1 − tanh² c) is o − h·tanh c, and i(1 − g²) is i − (i·g)·g.
    subtract(graph, output, multiply(graph, shown, squashed)),
    multiply(graph, entered, complement(input)),
    multiply(graph, remembered, complement(forget)),
    subtract(graph, input, multiply(graph, entered, candidate)),
    multiply(graph, shown, complement(output)),
    forget,
  ];
}

/** The last two axes exchanged: examples to columns and back. */
function columns(graph: GraphBuilder, tensor: FloatTensor): FloatTensor {
  return transpose(graph, tensor, tensor.shape.length === 3 ? [0, 2, 1] : [1, 0]);
}

/** Zeros [H, B]. */
function zeroState(graph: GraphBuilder, projected: FloatTensor, size: number): FloatTensor {
  const batch = dimOf(projected, 2);
  const known = typeof batch === 'number';
  const shape = known ? int64Vector(graph, [size, batch]) : concat(graph, [int64Vector(graph, [size]), graph.node('Shape', [projected], [{ type: 'int64', shape: [1] }], { start: { int: 2 }, end: { int: 3 } })[0]], 0);
  return graph.node('Expand', [graph.scalar(0), shape], [{ type: 'float32', shape: [size, batch] }])[0];
}

/** Along the first axis, `first` and then all but the last slice of `sequence`. */
function oneLater(graph: GraphBuilder, first: FloatTensor, sequence: FloatTensor): FloatTensor {
  const length = sizeOf(sequence, 0);
  const head = reshape(graph, first, [1, ...first.shape]);
  return length === 1 ? head : concat(graph, [head, slice(graph, sequence, 0, 0, length - 1)], 0);
}
