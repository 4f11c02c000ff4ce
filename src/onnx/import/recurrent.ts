import { add } from '../operators/arithmetic';
import { reshape } from '../operators/reshape';
import { concat, expand, slice, split } from '../operators/shaping';
import { lstmLayer } from '../recurrence';
import { dimOf, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import { computed, type Call, type Converter, type Value } from './call';
import { isZero } from './known';

/**
 * An LSTM in one direction or both: X [length, batch, inputs], W [directions, 4·hidden, inputs], R [directions, 4·hidden,
 * hidden], B [directions, 8·hidden]; Y [length, directions, batch, hidden], Y_h and Y_c [directions, batch, hidden]. Gates
 * lie in ONNX's order i, o, f, c.
 */
function longShortTermMemory(call: Call): readonly Value[] {
  refuseVariants(call);
  const { tape } = call;
  const x = call.float(0);
  const direction = call.text('direction', 'forward');
  const [weights, recurrent] = [call.float(1), call.float(2)];
  const bias = call.has(3) ? call.float(3) : null;
  const states = [5, 6].map((position) => initialState(call, position));
  const reverse = direction === 'bidirectional' ? [false, true] : [direction === 'reverse'];
  if (sizeOf(weights, 0) !== reverse.length) call.refuse(`is ${direction}, but has weights of ${sizeOf(weights, 0)} directions`);
  const results = reverse.map((backwards, place) => {
    const own = (value: FloatTensor): FloatTensor => directionOf(call, value, place);
    const layer = { input: inOrder(call, own(weights)), hidden: inOrder(call, own(recurrent)), bias: bias === null ? noBias(call, weights) : summedBias(call, own(bias)) };
    const [hidden = null, cell = null] = states;
    const started = (state: FloatTensor | null): FloatTensor => (state === null ? noState(call, x, recurrent) : own(state));
    const [shown, last, kept] = lstmLayer(tape, backwards ? backwardsInTime(call, x) : x, layer, hidden === null && cell === null ? [] : [started(hidden), started(cell)]);
    const inTime = backwards ? backwardsInTime(call, shown) : shown;
    return [tape.apply(reshape, [inTime], { shape: [dimOf(x, 0), 1, ...shown.shape.slice(1)] }), ...[last, kept].map((state) => tape.apply(reshape, [state], { shape: [1, ...state.shape] }))] as const;
  });
  return [1, 0, 0].map((axis, output) => computed(tape.apply(concat, results.map((ofDirection) => ofDirection[output]!), { axis })));
}

/** What the operator of this registry does not do. */
function refuseVariants(call: Call): void {
  if (call.factor('layout', 0) !== 0) call.refuse('has its batch first (layout=1)');
  if (call.factor('input_forget', 0) !== 0) call.refuse('couples its input and forget gates');
  if (call.attribute('clip') !== undefined) call.refuse('clips its cells');
  if (call.has(7)) call.refuse('has peepholes');
  if (call.has(4)) call.refuse('is told the lengths of its sequences', 'Export it with sequences of one length.');
  const activations = call.text('activations', '');
  if (activations !== '' && activations.split(', ').some((name, index) => name.toLowerCase() !== ['sigmoid', 'tanh', 'tanh'][index % 3])) call.refuse(`has the activations ${activations}`);
}

/** Null where it is zero; for each example where the file has it for one. */
function initialState(call: Call, position: number): FloatTensor | null {
  const known = call.known(position);
  if (!call.has(position) || (known !== null && isZero(known))) return null;
  const state = call.float(position);
  const { batch } = call.around.host;
  if (dimOf(state, 1) !== 1 || batch === 1) return state;
  const shape = [sizeOf(state, 0), batch, sizeOf(state, 2)] as const;
  return typeof batch === 'number' ? call.tape.apply(expand, [state], { shape: shape as readonly number[] }) : call.expanded(state, shape);
}

/** One place of the leading axis, without it. */
function directionOf({ tape }: Call, value: FloatTensor, place: number): FloatTensor {
  const one = tape.apply(slice, [value], { ranges: [{ axis: 0, start: place, step: 1, count: 1 }] });
  return tape.apply(reshape, [one], { shape: value.shape.slice(1) });
}

function backwardsInTime({ tape }: Call, value: FloatTensor): FloatTensor {
  const length = sizeOf(value, 0);
  return tape.apply(slice, [value], { ranges: [{ axis: 0, start: length - 1, step: -1, count: length }] });
}

/** Rows from ONNX's order of the gates, i, o, f, c, into that of the operator: i, f, c, o. */
function inOrder({ tape }: Call, value: FloatTensor): FloatTensor {
  const quarter = sizeOf(value, 0) / 4;
  const [input, output, forget, cell] = tape.applyAll(split, [value], { axis: 0, sizes: [quarter, quarter, quarter, quarter] }) as [FloatTensor, FloatTensor, FloatTensor, FloatTensor];
  return tape.apply(concat, [input, forget, cell, output], { axis: 0 });
}

/** The bias of the input and that of the state before, one behind the other, as their sum. */
function summedBias(call: Call, bias: FloatTensor): FloatTensor {
  const half = sizeOf(bias, 0) / 2;
  const [ofInput, ofState] = call.tape.applyAll(split, [bias], { axis: 0, sizes: [half, half] }) as [FloatTensor, FloatTensor];
  return inOrder(call, call.tape.apply(add, [ofInput, ofState], undefined));
}

function noBias({ graph }: Call, weights: FloatTensor): FloatTensor {
  const rows = sizeOf(weights, 1);
  return graph.constant('float32', [rows], new Float32Array(rows));
}

function noState(call: Call, x: FloatTensor, recurrent: FloatTensor): FloatTensor {
  return call.expanded(call.graph.scalar(0), [dimOf(x, 1), sizeOf(recurrent, 2)]);
}

export const RECURRENT: Readonly<Record<string, Converter>> = { LSTM: longShortTermMemory };
