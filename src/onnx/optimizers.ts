/**
 * Optimizer updates as graph fragments, one tensor at a time; each equals PyTorch's formula up to rounding. θ is the
 * parameter, g its gradient, η the learning rate, λ the weight decay.
 */
import type { GraphBuilder } from './graph';
import { add, divide, multiply, relu, squareRoot, subtract } from './primitives';
import type { FloatTensor } from './types';

/** The updated parameter and its optimizer state, in the order given. */
export interface Update {
  readonly parameter: FloatTensor;
  readonly state: readonly FloatTensor[];
}

/** The gradient of the loss with the L2 penalty λ/2·‖θ‖²: g + λθ. */
function penalized(graph: GraphBuilder, weightDecay: number, parameter: FloatTensor, gradient: FloatTensor): FloatTensor {
  return weightDecay === 0 ? gradient : add(graph, gradient, multiply(graph, parameter, graph.scalar(weightDecay)));
}

/** factor·running + value */
function accumulated(graph: GraphBuilder, factor: number, running: FloatTensor, value: FloatTensor): FloatTensor {
  return add(graph, multiply(graph, running, graph.scalar(factor)), value);
}

/**
 * torch.optim.SGD with dampening 0: g ← g + λθ; b ← μb + g; θ ← θ − ηb, with Nesterov's momentum (Sutskever et al.,
 * 2013) θ ← θ − η(g + μb). Without momentum there is no buffer. It starts at zero, which gives PyTorch's first step b = g.
 */
export function sgd(
  graph: GraphBuilder,
  options: { readonly momentum: number; readonly nesterov: boolean; readonly weightDecay: number },
  scalars: { readonly learningRate: FloatTensor },
  parameter: FloatTensor,
  gradient: FloatTensor,
  buffer: FloatTensor | null,
): Update {
  const whole = penalized(graph, options.weightDecay, parameter, gradient);
  const next = buffer === null ? null : accumulated(graph, options.momentum, buffer, whole);
  const direction = next === null ? whole : options.nesterov ? accumulated(graph, options.momentum, next, whole) : next;
  return { parameter: subtract(graph, parameter, multiply(graph, direction, scalars.learningRate)), state: next === null ? [] : [next] };
}

export interface AdamScalars {
  /** η·(1−β₁)/(1−β₁ᵗ)/c at step t = 1, 2, …, where c = √((1−β₂)/(1−β₂ᵗ)). */
  readonly stepSize: FloatTensor;
  /** ε/c */
  readonly epsilon: FloatTensor;
  /** 1 − ηλ of AdamW; null where nothing decays apart from the gradient. */
  readonly decay: FloatTensor | null;
}

/**
 * Adam (Kingma & Ba, 2015) and AdamW (Loshchilov & Hutter, 2019) as in torch.optim: g ← g + λθ for Adam, θ ← θ·(1−ηλ)
 * for AdamW, then θ ← θ − η·m̂/(√v̂ + ε). The state is M = m/(1−β₁) and V = v/(1−β₂), so that M ← β₁M + g and
 * V ← β₂V + g² need no further factor. With √v̂ = c·√V the quotient is M/(√V + ε/c) but for a number that changes with
 * the step alone: ten passes over the tensor.
 */
export function adam(
  graph: GraphBuilder,
  options: { readonly beta1: number; readonly beta2: number; readonly weightDecay: number },
  scalars: AdamScalars,
  parameter: FloatTensor,
  gradient: FloatTensor,
  first: FloatTensor,
  second: FloatTensor,
): Update {
  const whole = penalized(graph, options.weightDecay, parameter, gradient);
  const nextFirst = accumulated(graph, options.beta1, first, whole);
  const nextSecond = accumulated(graph, options.beta2, second, multiply(graph, whole, whole));
  const denominator = add(graph, squareRoot(graph, nextSecond), scalars.epsilon);
  const step = multiply(graph, divide(graph, nextFirst, denominator), scalars.stepSize);
  const start = scalars.decay === null ? parameter : multiply(graph, parameter, scalars.decay);
  return { parameter: subtract(graph, start, step), state: [nextFirst, nextSecond] };
}

/** What RMSprop keeps; null where it is switched off. */
export interface RmspropState {
  readonly square: FloatTensor;
  readonly mean: FloatTensor | null;
  readonly buffer: FloatTensor | null;
}

/**
 * RMSprop (Tieleman & Hinton, 2012; centered: Graves, 2013) as torch.optim.RMSprop: g ← g + λθ; v ← αv + (1−α)g²;
 * centered, a ← αa + (1−α)g and v − a² stands for v; θ ← θ − ηg/(√v + ε), with momentum b ← μb + g/(√v + ε) and
 * θ ← θ − ηb. As with Adam the state is v/(1−α), a/(1−α) and b·√(1−α). Rounding may bring v − a² below 0, where PyTorch
 * goes on with NaN; here it is 0 then.
 * @param scalars.stepSize η/√(1−α)
 */
export function rmsprop(
  graph: GraphBuilder,
  options: { readonly alpha: number; readonly epsilon: number; readonly momentum: number; readonly weightDecay: number },
  scalars: { readonly stepSize: FloatTensor },
  parameter: FloatTensor,
  gradient: FloatTensor,
  { square, mean, buffer }: RmspropState,
): Update {
  const whole = penalized(graph, options.weightDecay, parameter, gradient);
  const nextSquare = accumulated(graph, options.alpha, square, multiply(graph, whole, whole));
  const nextMean = mean === null ? null : accumulated(graph, options.alpha, mean, whole);
  const variance =
    nextMean === null ? nextSquare : relu(graph, subtract(graph, nextSquare, multiply(graph, multiply(graph, nextMean, nextMean), graph.scalar(1 - options.alpha))));
  const denominator = add(graph, squareRoot(graph, variance), graph.scalar(options.epsilon / Math.sqrt(1 - options.alpha)));
  const scaled = divide(graph, whole, denominator);
  const nextBuffer = buffer === null ? null : accumulated(graph, options.momentum, buffer, scaled);
  return {
    parameter: subtract(graph, parameter, multiply(graph, nextBuffer ?? scaled, scalars.stepSize)),
    state: [nextSquare, nextMean, nextBuffer].filter((tensor) => tensor !== null),
  };
}

/** A moving average: e + share·(θ − e), as torch.optim.swa_utils.get_ema_multi_avg_fn with share = 1 − decay. */
export function averaged(graph: GraphBuilder, share: FloatTensor, average: FloatTensor, parameter: FloatTensor): FloatTensor {
  return add(graph, average, multiply(graph, subtract(graph, parameter, average), share));
}
