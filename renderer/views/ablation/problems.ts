/** Which control of the form each problem of a study stands beside. */
import type { Problem } from '../../../src/errors/errors';

export interface FactorProblems {
  readonly own: readonly string[];
  readonly levels: ReadonlyMap<number, string>;
}

export interface SortedProblems {
  /** By path of the leaf, without `baseline.` and without the place in a list. */
  readonly leaves: ReadonlyMap<string, readonly string[]>;
  /** By place in the study. */
  readonly factors: ReadonlyMap<number, FactorProblems>;
  readonly seeds: FactorProblems;
  /** By name of the study's own keys: experiment, description, design, factors. */
  readonly study: ReadonlyMap<string, readonly string[]>;
  /** Of parts that are no control: `baseline.training` is missing. */
  readonly others: readonly string[];
}

function add<K>(into: Map<K, string[]>, key: K, message: string): void {
  const messages = into.get(key);
  if (messages === undefined) into.set(key, [message]);
  else messages.push(message);
}

function addFactor(into: Map<number, { own: string[]; levels: Map<number, string> }>, index: number, level: number | null, message: string): void {
  const found = into.get(index) ?? { own: [], levels: new Map<number, string>() };
  into.set(index, found);
  if (level === null) found.own.push(message);
  else found.levels.set(level, [found.levels.get(level), message].filter((part) => part !== undefined).join('; '));
}

/** @param leaves paths of the leaves that have a control */
export function sortProblems(problems: readonly Problem[], leaves: readonly string[]): SortedProblems {
  const sorted = { leaves: new Map<string, string[]>(), study: new Map<string, string[]>(), others: [] as string[] };
  const factors = new Map<number, { own: string[]; levels: Map<number, string> }>();
  const seeds = new Map<number, { own: string[]; levels: Map<number, string> }>();
  for (const { path, message } of problems) {
    const factor = /^factors\[(\d+)\](?:\.levels\[(\d+)\])?/u.exec(path);
    const seed = /^seeds(?:\[(\d+)\])?$/u.exec(path);
    const leaf = path.startsWith('baseline.') ? path.slice('baseline.'.length).replaceAll(/\[\d+\]/gu, '') : null;
    if (factor !== null) addFactor(factors, Number(factor[1]), factor[2] === undefined ? null : Number(factor[2]), message);
    else if (seed !== null) addFactor(seeds, 0, seed[1] === undefined ? null : Number(seed[1]), message);
    else if (leaf !== null && leaves.includes(leaf)) add(sorted.leaves, leaf, message);
    else if (leaf !== null && leaves.includes(`${leaf}.kind`)) add(sorted.leaves, `${leaf}.kind`, message);
    else if (/^(experiment|description|design|factors)$/u.test(path)) add(sorted.study, path, message);
    else sorted.others.push(`${path} ${message}`);
  }
  return { ...sorted, factors, seeds: seeds.get(0) ?? { own: [], levels: new Map() } };
}
