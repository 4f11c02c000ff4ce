/** ONNX's Scan over the slices of tensors. */
import { GraphBuilder } from './graph';
import { dimOf, formatShape, GraphError, sameShape } from './shapes';
import type { FloatTensor } from './types';

export interface ScanInputs {
  /** What each step hands to the next, as the first step finds it. */
  readonly carried: readonly FloatTensor[];
  /** Tensors with an equal leading axis, of which each step reads one slice. */
  readonly scanned: readonly FloatTensor[];
  /** From the last slice to the first; what is kept stands in the order of the slices all the same. */
  readonly reverse?: boolean;
}

/** What one step gives, and what the whole scan gives: there the kept values have a leading axis of steps. */
export interface ScanValues {
  readonly carried: readonly FloatTensor[];
  readonly kept: readonly FloatTensor[];
}

/**
 * Runs `body` once for each slice along the leading axis of the scanned tensors. The body's graph may use any
 * value of `graph`.
 * @throws GraphError when the scanned tensors differ in length, or a carried value changes its shape
 */
export function scan(
  graph: GraphBuilder,
  { carried, scanned, reverse = false }: ScanInputs,
  body: (step: GraphBuilder, carried: readonly FloatTensor[], slices: readonly FloatTensor[]) => ScanValues,
): ScanValues {
  const [first] = scanned;
  if (first === undefined) throw new GraphError('a scan needs a tensor to go over');
  const length = dimOf(first, 0);
  if (scanned.some((tensor) => dimOf(tensor, 0) !== length)) {
    throw new GraphError(`a scan cannot go over ${scanned.map(({ shape }) => formatShape(shape)).join(', ')} together`);
  }
  // A name of the graph around is in the prefix, so that no scan hides a value that its body may use.
  const prefix = `scan/${first.name}/`;
  const step = new GraphBuilder('scan', prefix, graph.portable);
  const before = carried.map(({ shape }, position) => step.input(`${prefix}carried_${position}`, 'float32', shape));
  const slices = scanned.map(({ shape }, position) => step.input(`${prefix}slice_${position}`, 'float32', shape.slice(1)));
  const after = body(step, before, slices);
  carried.forEach((tensor, position) => {
    const value = after.carried[position];
    if (value === undefined || !sameShape(value.shape, tensor.shape)) {
      throw new GraphError(`the scan carries ${tensor.name} ${formatShape(tensor.shape)} but its body gives ${value === undefined ? 'nothing' : formatShape(value.shape)}`);
    }
  });
  for (const tensor of [...after.carried, ...after.kept]) step.output(tensor);
  if (typeof length === 'number') graph.flops += length * step.flops;

  const direction = (tensors: readonly FloatTensor[]): { readonly ints: readonly number[] } => ({ ints: tensors.map(() => (reverse ? 1 : 0)) });
  const outputs = graph.node(
    'Scan',
    [...carried, ...scanned],
    [...after.carried.map(({ shape }) => ({ type: 'float32', shape }) as const), ...after.kept.map(({ shape }) => ({ type: 'float32', shape: [length, ...shape] }) as const)],
    { body: { graph: step.build() }, num_scan_inputs: { int: scanned.length }, scan_input_directions: direction(scanned), scan_output_directions: direction(after.kept) },
  );
  return { carried: outputs.slice(0, carried.length), kept: outputs.slice(carried.length) };
}
