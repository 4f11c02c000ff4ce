/** The schema of a config as the fields of a form: what each leaf may be, and what it is now. */
import { z } from 'zod';
import { commandConfigSchema } from './command';
import { dataSchema } from './data';
import { isMapping } from './mapping';
import { defaultMetric, metricsFor, taskOf, type Task } from './metrics';
import { configSchema } from './schema';

/** Bounds of a number; null: none. */
export interface Range {
  readonly min: number | null;
  readonly max: number | null;
  /** Whether the bound itself is outside. */
  readonly openMin: boolean;
  readonly openMax: boolean;
}

export type FieldType =
  | { readonly type: 'integer'; readonly range: Range }
  | { readonly type: 'number'; readonly range: Range }
  | { readonly type: 'boolean' }
  | { readonly type: 'choice'; readonly options: readonly string[] }
  /** Which member of a union a part is. */
  | { readonly type: 'kind'; readonly options: readonly string[] }
  | { readonly type: 'text'; readonly maxLength: number | null }
  | { readonly type: 'integers'; readonly range: Range }
  | { readonly type: 'texts' };

export interface Field {
  /** Dotted path of the leaf; of a `kind` it ends in `.kind`. */
  readonly path: string;
  /** What a factor over it is called: the whole part for a `kind`, since its other keys depend on it; else the path. */
  readonly factorPath: string;
  readonly of: FieldType;
  readonly description: string | null;
  /** In the plural: `steps`. */
  readonly unit: string | null;
  /** What holds where nothing is written; undefined: nothing does. */
  readonly fallback: unknown;
  /** Whether something must be written. */
  readonly required: boolean;
  /** What is written; undefined: nothing. */
  readonly value: unknown;
}

/** The part of JSON Schema that zod makes of ours. */
interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly unit?: string;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

let training: JsonSchema | null = null;
function trainingSchema(): JsonSchema {
  training ??= z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
  return training;
}

let command: JsonSchema | null = null;
function commandSchema(): JsonSchema {
  command ??= z.toJSONSchema(commandConfigSchema, { io: 'input' }) as JsonSchema;
  return command;
}

const entryOf = (value: unknown, key: string): unknown => (isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined);

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): Range {
  return { min: exclusiveMinimum ?? minimum ?? null, max: exclusiveMaximum ?? maximum ?? null, openMin: exclusiveMinimum !== undefined, openMax: exclusiveMaximum !== undefined };
}

function typeOf(node: JsonSchema): FieldType | null {
  if (node.enum !== undefined) return { type: 'choice', options: node.enum };
  switch (node.type) {
    case 'integer':
    case 'number':
      return { type: node.type, range: rangeOf(node) };
    case 'boolean':
      return { type: 'boolean' };
    case 'string':
      return node.const === undefined ? { type: 'text', maxLength: node.maxLength ?? null } : null;
    case 'array':
      if (node.items?.type === 'integer') return { type: 'integers', range: rangeOf(node.items) };
      return node.items?.type === 'string' ? { type: 'texts' } : null;
    default:
      return null;
  }
}

const kindOf = (member: JsonSchema): string => String(member.properties?.['kind']?.const);

function memberFor(union: readonly JsonSchema[], kind: unknown): JsonSchema | undefined {
  return union.find((member) => kindOf(member) === kind);
}

function walk(node: JsonSchema, path: string, value: unknown, required: boolean, fallback: unknown, found: Field[]): void {
  const union = node.oneOf;
  if (union !== undefined) {
    const defaultKind = entryOf(node.default ?? fallback, 'kind');
    const kind = entryOf(value, 'kind');
    const options = union.map(kindOf);
    found.push({ path: `${path}.kind`, factorPath: path, of: { type: 'kind', options }, description: node.description ?? null, unit: null, fallback: defaultKind, required: required && defaultKind === undefined, value: kind });
    const member = memberFor(union, kind ?? (value === undefined ? defaultKind : undefined));
    if (member !== undefined) walkProperties(member, path, value, found, { member: true, needed: true });
    return;
  }
  if (node.properties !== undefined) {
    walkProperties(node, path, value, found, { member: false, needed: required || value !== undefined || (node.default ?? fallback) !== undefined });
    return;
  }
  const of = typeOf(node);
  if (of === null) return;
  found.push({ path, factorPath: path, of, description: node.description ?? null, unit: node.unit ?? null, fallback: node.default ?? fallback, required: required && node.default === undefined, value });
}

/** `member`: of a union. `needed`: what the part requires must be written; not so of one that may be left out whole, and is. */
function walkProperties(node: JsonSchema, path: string, value: unknown, found: Field[], { member, needed }: { readonly member: boolean; readonly needed: boolean }): void {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    if (key === 'kind' && member) continue;
    // A choice of one is none.
    if (child.const !== undefined) continue;
    // Nothing holds in a part that is left out.
    const { default: _, ...bare } = child;
    walk(needed ? child : bare, path === '' ? key : `${path}.${key}`, entryOf(value, key), needed && (node.required?.includes(key) ?? false), entryOf(node.default, key), found);
  }
}

/** Any number. */
const ANY: Range = { min: null, max: null, openMin: false, openMax: false };

/** A field for each parameter that is a number, a text or a yes or no: its value says which, since no schema does. */
function walkParameters(params: unknown, path: string, found: Field[]): void {
  for (const [key, value] of Object.entries(isMapping(params) ? params : {})) {
    const at = `${path}.${key}`;
    if (isMapping(value)) walkParameters(value, at, found);
    const of: FieldType | null = typeof value === 'number' ? { type: 'number', range: ANY } : typeof value === 'boolean' ? { type: 'boolean' } : typeof value === 'string' ? { type: 'text', maxLength: null } : null;
    if (of !== null) found.push({ path: at, factorPath: at, of, description: null, unit: null, fallback: undefined, required: true, value });
  }
}

/** The fields of a config as far as it is written; of a union those of the kind it names, in the order of the schema. */
export function fieldsOf(config: unknown): Field[] {
  const found: Field[] = [];
  if (isMapping(config) && Object.hasOwn(config, 'task')) {
    walkProperties(commandSchema(), '', config, found, { member: false, needed: true });
    walkParameters(config['params'], 'params', found);
    return found;
  }
  walkProperties(trainingSchema(), '', config, found, { member: false, needed: true });
  const data = dataSchema.safeParse(entryOf(config, 'data'));
  return data.success ? found.map((field) => (field.path === 'selection.metric' ? metricField(field, taskOf(data.data)) : field)) : found;
}

/** Which metric is usual, and which say something, depends on the data. */
function metricField(field: Field, task: Task): Field {
  const fitting: string[] = metricsFor(task);
  const options = typeof field.value === 'string' && !fitting.includes(field.value) ? [...fitting, field.value] : fitting;
  return { ...field, of: { type: 'choice', options }, fallback: defaultMetric(task) };
}

/**
 * The names of the keys that the part at `path` has as another kind, `kind` among them.
 * @param path a union: `model`, `training.optimizer`
 */
export function keysOfKind(path: string, kind: string): string[] {
  let node: JsonSchema | undefined = trainingSchema();
  for (const step of path.split('.')) node = node?.properties?.[step];
  return Object.keys(memberFor(node?.oneOf ?? [], kind)?.properties ?? {});
}
