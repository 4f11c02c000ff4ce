import type { TrainingConfig } from '../config/schema';
import { Tape } from '../onnx/autodiff';
import { GraphBuilder } from '../onnx/graph';
import { slice } from '../onnx/primitives';
import type { FloatTensor, Tensor } from '../onnx/types';
import { declareLabels, rowsOfTokens } from './batch';
import { Emission } from './emission';
import { emitRows, lossFor } from './loss';
import { emitModel, layOut, type Model } from './model';
import { IN_A_LOOP, type GraphTarget } from './target';
import { inputSize, inputType, rowsPerExample, type DataShape, type EvaluationGraph } from './types';

/** Rows of one call: as many as are quick, few enough for memory. Fixed, so that equal weights give equal bits. */
const ROWS = 512;

/**
 * The evaluation graph of a model, as `EvaluationGraph` describes, for the loss it is trained with. Dropout does nothing
 * here. Equal arguments give equal bytes.
 * @throws RepriseError MODEL_… where the model does not fit the data, LOSS_… where the loss does not
 */
export function buildEvaluationGraph(model: Model, data: DataShape, training: Pick<TrainingConfig, 'loss'> = {}, { portable }: Pick<GraphTarget, 'portable'> = IN_A_LOOP): EvaluationGraph {
  const { parameters, buffers } = layOut(model, data);
  const batch = Math.max(1, Math.floor(ROWS / rowsPerExample(data)));
  const graph = new GraphBuilder('evaluation', '', portable);
  const weights = new Map([...parameters, ...buffers].map(({ name, shape }): [string, FloatTensor] => [name, graph.input(name, 'float32', shape)]));
  const { input, targets } = declareBatch(graph, data, batch);
  const output = emitModel(evaluating(new Tape(graph), batch, weights), model, data, input);
  const loss = lossFor(training, data.target);
  for (const [name, tensor] of Object.entries(emitRows(graph, loss, output, targets))) graph.output(tensor, name);
  const ignored = loss.kind === 'cross-entropy' ? (loss.ignoreIndex ?? null) : null;
  return { bytes: graph.encode({ description: 'Loss and prediction of a Reprise model for each example.' }), batch, weights: [...parameters, ...buffers], ignored };
}

function declareBatch(graph: GraphBuilder, data: DataShape, batch: number): { readonly input: Tensor; readonly targets: Tensor<'int64'> | FloatTensor } {
  const length = inputSize(data.input);
  if (data.target.kind !== 'next-token') {
    return { input: graph.input('features', inputType(data.input), [batch, length]), targets: declareLabels(graph, data.target, batch) };
  }
  const tokens = graph.input('features', 'int32', [batch, length + 1]);
  const equal = graph.constant('float32', [batch], new Float32Array(batch).fill(1 / batch));
  return { input: slice(graph, tokens, 1, 0, length), targets: rowsOfTokens(graph, slice(graph, tokens, 1, 1, length + 1), equal).targets };
}

/** An emission in which nothing is dropped and buffers stay. */
export function evaluating(tape: Tape, batch: number | string, weights: ReadonlyMap<string, FloatTensor>): Emission {
  const weight = ({ name }: { readonly name: string }): FloatTensor => {
    const tensor = weights.get(name);
    if (tensor === undefined) throw new Error(`the model has no tensor named ${name}`);
    return tensor;
  };
  return new Emission(tape, false, batch, {
    parameter: weight,
    buffer: weight,
    mask: ({ name }) => {
      throw new Error(`the mask ${name} is asked for outside training`);
    },
    filling: () => null,
  });
}
