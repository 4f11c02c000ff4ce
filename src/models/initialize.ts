import { normals, uniformFloat32 } from '../random/streams';
import type { NamedTensor } from '../tensors/safetensors';
import type { Init, TensorSpec, WeightSpec } from './types';

/**
 * Parameters and buffers before the first step. Each is drawn from its own stream, named after the tensor, so
 * variants that share a seed and a layer start that layer alike.
 */
export function initialWeights(specs: readonly WeightSpec[], initSeed: number): NamedTensor[] {
  return specs.map(({ name, type, shape, init }) => ({ name, type, shape, data: drawn(init, initSeed, name, sizeOf(shape)) }));
}

function drawn(init: Init, seed: number, name: string, count: number): Float32Array {
  switch (init.kind) {
    case 'uniform':
      return uniformFloat32(seed, 'init', name, count, init.bound);
    case 'normal':
      return Float32Array.from(normals(seed, 'init', name, count), (value) => value * init.deviation);
    case 'constant':
      return new Float32Array(count).fill(init.value);
    case 'values':
      return init.values.slice();
  }
}

/** The optimizer's state before the first step: zeros. */
export function initialState(specs: readonly TensorSpec[]): NamedTensor[] {
  return specs.map(({ name, type, shape }) => {
    const count = sizeOf(shape);
    switch (type) {
      case 'float32':
        return { name, type, shape, data: new Float32Array(count) };
      case 'int32':
        return { name, type, shape, data: new Int32Array(count) };
      case 'int64':
        return { name, type, shape, data: new BigInt64Array(count) };
      case 'uint8':
        return { name, type, shape, data: new Uint8Array(count) };
      case 'bool':
        throw new Error(`optimizer state ${name} cannot be bool: safetensors files of runs hold none`);
    }
  });
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
