/** ONNX's Loop around a step. */
import { GraphBuilder } from './graph';
import { reshape, staticShape } from './primitives';
import { formatShape, GraphError, sameShape } from './shapes';
import type { FloatTensor, Tensor } from './types';

export interface LoopBody {
  /** The carried values after the step, in the order they were given. */
  readonly carried: readonly FloatTensor[];
  /** Values kept of every step. */
  readonly kept: readonly FloatTensor[];
}

export interface LoopResult {
  /** The carried values after the last step. */
  readonly carried: readonly FloatTensor[];
  /** What was kept, with a leading axis of steps. */
  readonly kept: readonly Tensor[];
  /** Estimated floating-point operations of one step. */
  readonly flopsPerStep: number;
}

/** Emits what happens in a step. Its graph may use any value of the graph around it; `iteration` is a scalar from 0 on. */
export type EmitBody = (step: GraphBuilder, iteration: Tensor<'int64'>, carried: readonly FloatTensor[]) => LoopBody;

/**
 * Runs `body` `tripCount` times.
 * @param name of the body's graph; a loop inside another needs one of its own, since ONNX forbids shadowing
 */
export function loop(graph: GraphBuilder, name: string, tripCount: Tensor<'int64'>, carried: readonly FloatTensor[], body: EmitBody): LoopResult {
  const step = new GraphBuilder(name, `${name}/`, graph.portable);
  const iteration = step.input(`${name}/iteration`, 'int64', []);
  const goOn = step.input(`${name}/condition`, 'bool', []);
  // Under a prefix of their own: names that were generated outside could be generated inside again.
  const inner = carried.map((tensor) => step.input(`${name}/carried/${tensor.name}`, tensor.type, tensor.shape));
  const result = body(step, iteration, inner);
  checkCarried(carried, result);
  const [condition] = step.node('Identity', [goOn], [{ type: 'bool', shape: [] }]);
  step.output(condition);
  for (const tensor of result.carried) step.output(tensor);
  for (const tensor of result.kept) step.output(tensor);

  const outputs = graph.node(
    'Loop',
    [tripCount, null, ...carried],
    [...result.carried.map(({ type, shape }) => ({ type, shape })), ...result.kept.map(({ type, shape }) => ({ type, shape: ['steps', ...shape] }))],
    { body: { graph: step.build() } },
  );
  return { carried: outputs.slice(0, carried.length), kept: outputs.slice(carried.length), flopsPerStep: step.flops };
}

/** What `loop` gives for one trip, without a Loop: the body's nodes stand in `graph` itself. */
export function once(graph: GraphBuilder, carried: readonly FloatTensor[], body: EmitBody): LoopResult {
  const before = graph.flops;
  const result = body(graph, graph.constant('int64', [], BigInt64Array.of(0n)), carried);
  checkCarried(carried, result);
  return { carried: result.carried, kept: result.kept.map((tensor) => reshape(graph, tensor, [1, ...staticShape(tensor)])), flopsPerStep: graph.flops - before };
}

function checkCarried(carried: readonly FloatTensor[], result: LoopBody): void {
  carried.forEach((tensor, position) => {
    const after = result.carried[position];
    if (after === undefined || !sameShape(after.shape, tensor.shape)) {
      throw new GraphError(`the loop carries ${tensor.name} ${formatShape(tensor.shape)} but its body gives ${after === undefined ? 'nothing' : formatShape(after.shape)}`);
    }
  });
}
