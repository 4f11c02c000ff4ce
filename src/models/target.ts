/** What a training graph is built for: each execution provider has its own limits. */
import type { Provider } from '../config/executor';
import { elementsOf, type TensorSpec } from './types';

export interface GraphTarget {
  /** `loop`: any number of steps in one run of the graph. `step`: one step a run. */
  readonly form: 'loop' | 'step';
  /** Whether only operators are used that providers on GPUs have, too. */
  readonly portable: boolean;
}

/** The quickest form on a processor: what is handed over between two runs costs more than the step of a small model. */
export const IN_A_LOOP: GraphTarget = { form: 'loop', portable: false };

/** WebGPU, DirectML and Core ML have no Loop: its body would run on them, but all that it carries would cross over in each step. */
export function targetOf(provider: Provider): GraphTarget {
  switch (provider) {
    case 'cpu':
      return IN_A_LOOP;
    case 'cuda':
      return { form: 'loop', portable: true };
    case 'webgpu':
    case 'directml':
    case 'coreml':
      return { form: 'step', portable: true };
  }
}

/**
 * Bytes of parameters, buffers and optimizer state from which on a processor, too, computes one step a run: a Loop holds
 * them one and a half times more (1.94 GB where steps held 1.47 GB, at a state of 0.30 GB), and a step of so large a
 * model takes far longer than handing the state over.
 */
const LARGEST_IN_A_LOOP = 2 ** 30;

/** The target of a model with this state. */
export function fitted(target: GraphTarget, state: readonly TensorSpec[]): GraphTarget {
  const bytes = 4 * elementsOf(state);
  return bytes > LARGEST_IN_A_LOOP ? { ...target, form: 'step' } : target;
}
