/**
 * Long short-term memory (Hochreiter & Schmidhuber, 1997; with the forget gate of Gers et al., 2000) over a sequence:
 *   z' = z + R·h, i, f, o = σ(z'_i), σ(z'_f), σ(z'_o), g = tanh(z'_g), c' = f·c + i·g, h' = o·tanh(c'),
 * where z is what the inputs of all steps come to, W·x + b, which `onnx/recurrence` computes in one product.
 *
 * Inside, examples are columns: R·h with R as it is stored needs no packing of R at each step, as h·Rᵀ does, and the
 * gates are blocks of rows that lie together. The gradient of R is one product for all steps, and all factors of the
 * backward pass that do not depend on the step after are computed for all steps at once; only the rest is scanned.
 * Unrolling several steps into one made the scan no quicker.
 */
import type { GraphBuilder } from '../graph';
import { add, concat, gemm, int64Vector, multiply, reshape, sigmoid, slice, split, subtract, tanh, transpose } from '../primitives';
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
    const size = sizeOf(weightHidden, 1);
    const zero = hidden === undefined ? zeroState(graph, projected, size) : null;
    const { carried, kept } = scan(
      graph,
      { carried: [hidden, cell].map((state) => (state === undefined ? zero! : columns(graph, state))), scanned: [projected] },
      (step, [h, c], [z]) => {
        const [inputForget, ofCandidate, ofOutput] = split(step, gemm(step, weightHidden, h!, { addend: z! }), 0, [2 * size, size, size]);
        const [input, forget] = split(step, sigmoid(step, inputForget!), 0, [size, size]) as [FloatTensor, FloatTensor];
        const candidate = tanh(step, ofCandidate!);
        const output = sigmoid(step, ofOutput!);
        const remembered = multiply(step, forget, c!);
        const entered = multiply(step, input, candidate);
        const next = add(step, remembered, entered);
        const squashed = tanh(step, next);
        const shown = multiply(step, output, squashed);
        return { carried: [shown, next], kept: [input, forget, candidate, output, remembered, entered, squashed] };
      },
    );
    const [, , , output, , , squashed] = kept;
    // As in the steps: what is carried would have to be copied to be kept as well.
    const shown = multiply(graph, output!, squashed!);
    return { outputs: [shown, ...carried].map((tensor) => columns(graph, tensor)), saved: [shown, ...kept] as unknown as Saved };
  },

  vjp: (graph, { inputs: [projected, weightHidden, hidden], outputs: [shown], saved, gradients: [ofShown, ofHidden, ofCell], needs }) => {
    const [length, size, batch] = [sizeOf(projected, 0), sizeOf(weightHidden, 1), sizeOf(projected, 2)];
    const zero = zeroState(graph, projected, size);
    // Each step gives the gradient in the h before it, to which that h's own share as a result is added in the same product.
    const ofResults = ofShown === null || ofShown === undefined ? null : columns(graph, ofShown);
    const ofLast = ofResults === null ? null : reshape(graph, slice(graph, ofResults, 0, length - 1, length), [size, batch]);
    const ofFinal = ofHidden === null || ofHidden === undefined ? null : columns(graph, ofHidden);
    const start = ofLast !== null && ofFinal !== null ? add(graph, ofLast, ofFinal) : (ofLast ?? ofFinal ?? zero);
    const turned = columns(graph, weightHidden);
    const { carried, kept } = scan(
      graph,
      {
        carried: [start, ofCell === null || ofCell === undefined ? zero : columns(graph, ofCell)],
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
    const rows = length * batch;
    const ofWeight = (): FloatTensor => {
      const dz = reshape(graph, transpose(graph, kept[0]!, [1, 0, 2]), [4 * size, rows]);
      return gemm(graph, dz, reshape(graph, oneLater(graph, hidden ?? columns(graph, zero), shown!), [rows, size]));
    };
    return [kept[0]!, needs[1] === true ? ofWeight() : null, needs[2] === true ? columns(graph, carried[0]!) : null, needs[3] === true ? columns(graph, carried[1]!) : null];
  },
};

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
