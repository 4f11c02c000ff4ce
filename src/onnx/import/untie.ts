/**
 * PyTorch's exporter lets tensors that are equal share one initializer, unless it is told not to: the gains of all norms of
 * a fresh model, which are all 1, would then be trained as one. Here each node gets its own again.
 */
import type { FileNode, OnnxFile } from './file';
import type { StoredTensor } from './tensor-data';

/** The positions of gains, biases and statistics among the inputs of the operators that have some. */
const FACTORS: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [1, 2, 3, 4],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
  LayerNormalization: [1, 2],
  Conv: [2],
  ConvTranspose: [2],
  Gemm: [2],
  Add: [0, 1],
};

/** A vector as it starts before any training: of one number throughout. What was trained is equal only where it is the same. */
function isFresh({ type, shape, data }: StoredTensor): boolean {
  return type === 'float32' && shape.length === 1 && data.length > 1 && (data as Float32Array).every((value, _, values) => value === values[0]);
}

/** The file with a copy, NAME.1, NAME.2, …, of each fresh gain, bias or statistic for each node that reads it after the first. */
export function withOwnFactors(file: OnnxFile): OnnxFile {
  const initializers = new Map(file.initializers);
  const read = new Set<string>();
  const copyOf = (stored: StoredTensor): string => {
    let copy = 1;
    while (initializers.has(`${stored.name}.${copy}`)) copy += 1;
    const name = `${stored.name}.${copy}`;
    initializers.set(name, { ...stored, name, origin: stored.name });
    return name;
  };
  const nodes = file.nodes.map((node): FileNode => {
    const inputs = node.inputs.map((name, position) => {
      const stored = file.initializers.get(name);
      if (stored === undefined || FACTORS[node.opType]?.includes(position) !== true || !isFresh(stored)) return name;
      if (read.has(name)) return copyOf(stored);
      read.add(name);
      return name;
    });
    return { ...node, inputs };
  });
  return { ...file, nodes, initializers };
}
