/** Edits of a study's text, one for each gesture of the form: minimal, comments and order kept. */
import { sameValue } from '../config/diff';
import { editYaml, type YamlEdit, type YamlPath } from '../config/edit-yaml';
import { fieldsOf, keysOfKind, type Field } from '../config/fields';
import { isMapping } from '../config/mapping';
import type { Design } from './schema';

const SOURCE = 'study';

/** The baseline as it is written; an empty one where it is a file or missing. */
export function writtenBaseline(input: unknown): Readonly<Record<string, unknown>> {
  const baseline = isMapping(input) ? input['baseline'] : undefined;
  return isMapping(baseline) ? baseline : {};
}

const inBaseline = (path: string): string[] => ['baseline', ...path.split('.')];
const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('.')));

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const step of path.split('.')) found = isMapping(found) && Object.hasOwn(found, step) ? found[step] : undefined;
  return found;
}

/** Parts every config must have: they stay, even empty. */
const REQUIRED_PARTS = new Set(['model', 'training', 'data']);

/** Writes a leaf of the baseline. The kind of a union that was left out is written with its first key, for without it the key has no meaning. */
export function setLeaf(text: string, input: unknown, field: Field, value: unknown): string {
  const config = writtenBaseline(input);
  if (field.of.type === 'kind') return setKind(text, config, field.factorPath, String(value));
  const union = fieldsOf(config).find((other) => other.of.type === 'kind' && other.value === undefined && field.path.startsWith(`${other.factorPath}.`));
  const kind: YamlEdit[] = union === undefined ? [] : [{ path: inBaseline(union.path), value: union.fallback }];
  return editYaml(text, [...kind, { path: inBaseline(field.path), value }], SOURCE);
}

/** Makes a part of the baseline another kind; keys that both kinds have stay as they are written. */
function setKind(text: string, config: unknown, part: string, kind: string): string {
  const written = at(config, part);
  const known = keysOfKind(part, kind);
  const foreign = isMapping(written) ? Object.keys(written).filter((key) => !known.includes(key)) : [];
  const edits: YamlEdit[] = [{ path: inBaseline(`${part}.kind`), value: kind }, ...foreign.map((key): YamlEdit => ({ path: [...inBaseline(part), key], remove: true }))];
  return editYaml(text, edits, SOURCE);
}

/** Takes a leaf out of the baseline, and the parts that it leaves empty: its default holds again. */
export function unsetLeaf(text: string, input: unknown, field: Field): string {
  const config = writtenBaseline(input);
  let path = field.of.type === 'kind' ? field.factorPath : field.path;
  if (at(config, path) === undefined) return text;
  for (let parent = parentOf(path); parent !== '' && !REQUIRED_PARTS.has(parent) && Object.keys((at(config, parent) ?? {}) as object).length === 1; parent = parentOf(path)) path = parent;
  return editYaml(text, [{ path: inBaseline(path), remove: true }], SOURCE);
}

export function setExperiment(text: string, experiment: string): string {
  return editYaml(text, [{ path: ['experiment'], value: experiment }], SOURCE);
}

/** Sets the study's description; an empty one is taken out. */
export function setDescription(text: string, description: string): string {
  return editYaml(text, [description === '' ? { path: ['description'], remove: true } : { path: ['description'], value: description }], SOURCE);
}

export function setDesign(text: string, design: Design): string {
  return editYaml(text, [{ path: ['design'], value: design }], SOURCE);
}

/** Edits that turn one list into another and leave alone what both have in the same place. */
function listEdits(path: YamlPath, before: unknown, after: readonly unknown[]): YamlEdit[] {
  if (!Array.isArray(before) || before.length === 0 || after.length === 0) return [{ path, value: after }];
  const old: readonly unknown[] = before;
  const firstChange = after.findIndex((value, index) => !sameValue(value, old[index]));
  const gone = firstChange === -1 ? after.length : firstChange;
  if (after.length === old.length - 1 && sameValue(after, old.filter((_, index) => index !== gone))) return [{ path: [...path, gone], remove: true }];
  const edits: YamlEdit[] = after.flatMap((value, index) => (index < old.length && sameValue(value, old[index]) ? [] : [{ path: [...path, index], value }]));
  for (let index = old.length - 1; index >= after.length; index -= 1) edits.push({ path: [...path, index], remove: true });
  return edits;
}

export function setSeeds(text: string, input: unknown, seeds: readonly number[]): string {
  return editYaml(text, listEdits(['seeds'], isMapping(input) ? input['seeds'] : undefined, seeds), SOURCE);
}

/** A factor as it is written, checked as far as a form needs it. */
export interface WrittenFactor {
  readonly index: number;
  readonly name: string;
  /** null: a factor whose levels set several paths each. */
  readonly path: string | null;
  /** Values of the levels; of a factor without a path, their labels. */
  readonly levels: readonly unknown[];
}

export function writtenFactors(input: unknown): WrittenFactor[] {
  const factors = isMapping(input) && Array.isArray(input['factors']) ? (input['factors'] as unknown[]) : [];
  return factors.flatMap((factor, index): WrittenFactor[] => {
    if (!isMapping(factor)) return [];
    const levels = Array.isArray(factor['levels']) ? (factor['levels'] as unknown[]) : [];
    const { path, name } = factor;
    if (typeof path === 'string') return [{ index, path, name: typeof name === 'string' ? name : path, levels }];
    const labels = levels.map((level) => (isMapping(level) ? level['label'] : undefined));
    return [{ index, path: null, name: typeof name === 'string' ? name : `factor ${index + 1}`, levels: labels }];
  });
}

/** The factor over a field, if it is one. */
export function factorOver(factors: readonly WrittenFactor[], field: Field): WrittenFactor | null {
  return factors.find(({ path }) => path !== null && (path === field.factorPath || path === field.path)) ?? null;
}

/** Makes a path a factor. */
export function addFactor(text: string, input: unknown, path: string, levels: readonly unknown[]): string {
  const factors = isMapping(input) ? input['factors'] : undefined;
  const factor = { path, levels };
  const edit: YamlEdit = Array.isArray(factors) && factors.length > 0 ? { path: ['factors', factors.length], value: factor } : { path: ['factors'], value: [factor] };
  return editYaml(text, [edit], SOURCE);
}

export function removeFactor(text: string, index: number): string {
  return editYaml(text, [{ path: ['factors', index], remove: true }], SOURCE);
}

/** Gives a factor over one path other levels. */
export function setLevels(text: string, factor: WrittenFactor, levels: readonly unknown[]): string {
  return editYaml(text, listEdits(['factors', factor.index, 'levels'], factor.levels, levels), SOURCE);
}
