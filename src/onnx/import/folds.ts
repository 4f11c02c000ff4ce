/**
 * What was computed of known values, so that a chain that stands in each layer of a model, and in each graph of it, is
 * computed once: the causal mask of a long context has a million elements.
 */
import type { Value } from './call';
import type { FileNode, OnnxFile } from './file';
import { knownOf, type Known } from './known';
import type { StoredTensor } from './tensor-data';

/** Longer values go by their identity in a key. */
const SHORT = 16;

export class Folds {
  private readonly initializers = new WeakMap<StoredTensor, Known>();
  private readonly results = new Map<string, readonly Known[]>();
  private readonly numbers = new WeakMap<Known | FileNode, number>();
  private count = 0;

  ofInitializer(stored: StoredTensor): Known {
    const known = this.initializers.get(stored) ?? knownOf(stored);
    this.initializers.set(stored, known);
    return known;
  }

  /** What `compute` makes of a node whose inputs are all known. Equal nodes of equal inputs are computed once. */
  of(node: FileNode, inputs: readonly (Known | null)[], compute: () => Value | readonly (Value | null)[]): readonly (Value | null)[] {
    const key = this.keyOf(node, inputs);
    const remembered = this.results.get(key);
    if (remembered !== undefined) return remembered;
    const made = compute();
    const results = 'kind' in made ? [made] : made;
    if (results.every((value): value is Known => value?.kind === 'known')) this.results.set(key, results);
    return results;
  }

  private keyOf(node: FileNode, inputs: readonly (Known | null)[]): string {
    // A constant may hold a tensor of any size.
    const what = inputs.length === 0 ? `#${this.numberOf(node)}` : JSON.stringify([...node.attributes].map(([name, value]) => [name, typeof value === 'object' && 'data' in value ? [value.type, value.shape, Array.from(value.data, String)] : value]));
    return `${node.opType} ${node.outputs.length} ${what} ${inputs.map((input) => (input === null ? '' : this.idOf(input))).join(' ')}`;
  }

  private idOf(value: Known): string {
    return value.values.length <= SHORT ? `${value.type}[${value.shape.join(',')}]{${value.values.join(',')}}` : `#${this.numberOf(value)}`;
  }

  private numberOf(one: Known | FileNode): number {
    const number = this.numbers.get(one) ?? (this.count += 1);
    this.numbers.set(one, number);
    return number;
  }
}

const ofFiles = new WeakMap<OnnxFile, Folds>();

export function foldsOf(file: OnnxFile): Folds {
  const folds = ofFiles.get(file) ?? new Folds();
  ofFiles.set(file, folds);
  return folds;
}
