/** Optimizer updates as graph fragments, one parameter at a time; each equals PyTorch's formula up to rounding. */
import type { GraphBuilder } from './graph';
import { add, divide, multiply, squareRoot, subtract } from './primitives';
import type { FloatTensor } from './types';

/** The updated parameter and its optimizer state, in the order given. */
export interface Update {
  readonly parameter: FloatTensor;
  readonly state: readonly FloatTensor[];
}

/**
 * torch.optim.SGD with dampening 0: g ← g + λθ; b ← μb + g; θ ← θ − ηb. Without momentum there is no
 * state. The buffer starts at zero, which gives PyTorch's first step b = g.
 */
export function sgd(
  graph: GraphBuilder,
  options: { readonly momentum: number; readonly weightDecay: number },
  scalars: { readonly learningRate: FloatTensor },
  parameter: FloatTensor,
  gradient: FloatTensor,
  buffer: FloatTensor | null,
): Update {
  const decayed = options.weightDecay === 0 ? gradient : add(graph, gradient, multiply(graph, parameter, graph.scalar(options.weightDecay)));
  const direction = buffer === null ? decayed : add(graph, multiply(graph, buffer, graph.scalar(options.momentum)), decayed);
  return {
    parameter: subtract(graph, parameter, multiply(graph, direction, scalars.learningRate)),
    state: buffer === null ? [] : [direction],
  };
}

export interface AdamScalars {
  /** η·(1−β₁)/(1−β₁ᵗ) at step t = 1, 2, … */
  readonly stepSize: FloatTensor;
  /** √((1−β₂)/(1−β₂ᵗ)) */
  readonly denominatorScale: FloatTensor;
  /** 1 − ηλ of AdamW; null for Adam. */
  readonly decay: FloatTensor | null;
}

/**
 * Adam (Kingma & Ba, 2015) and AdamW (Loshchilov & Hutter, 2019) as in torch.optim:
 * θ ← θ·(1−ηλ) for AdamW, then θ ← θ − η·m̂/(√v̂ + ε). The state is M = m/(1−β₁) and V = v/(1−β₂),
 * so that M ← β₁M + g and V ← β₂V + g² need no further factor; the bias corrections are in the scalars.
 */
export function adam(
  graph: GraphBuilder,
  options: { readonly beta1: number; readonly beta2: number; readonly epsilon: number },
  scalars: AdamScalars,
  parameter: FloatTensor,
  gradient: FloatTensor,
  first: FloatTensor,
  second: FloatTensor,
): Update {
  const nextFirst = add(graph, multiply(graph, first, graph.scalar(options.beta1)), gradient);
  const nextSecond = add(graph, multiply(graph, second, graph.scalar(options.beta2)), multiply(graph, gradient, gradient));
  const denominator = add(graph, multiply(graph, squareRoot(graph, nextSecond), scalars.denominatorScale), graph.scalar(options.epsilon));
  const step = multiply(graph, divide(graph, nextFirst, denominator), scalars.stepSize);
  const start = scalars.decay === null ? parameter : multiply(graph, parameter, scalars.decay);
  return { parameter: subtract(graph, start, step), state: [nextFirst, nextSecond] };
}
