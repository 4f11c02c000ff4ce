/** The names of what a filter can ask for: Reprise's own and MLflow's. */
import type { AttributeName, DatasetPart, Field } from './ast';
import { filterProblem, nearest } from './problems';

/** word: one of a few. duration: in seconds. time: milliseconds since 1970. */
export type FieldType = 'text' | 'number' | 'word' | 'time' | 'duration' | 'logged';

interface Attribute {
  readonly type: Exclude<FieldType, 'logged'>;
  /** Other names; case, spaces, hyphens and underscores make no difference in any. */
  readonly also: readonly string[];
}

const ATTRIBUTES: Readonly<Record<AttributeName, Attribute>> = {
  run_id: { type: 'text', also: ['id', 'run'] },
  reproduction_id: { type: 'text', also: [] },
  name: { type: 'text', also: ['run_name'] },
  experiment: { type: 'text', also: ['experiment_name'] },
  study: { type: 'text', also: ['study_id'] },
  variant: { type: 'text', also: [] },
  user: { type: 'text', also: ['user_id'] },
  status: { type: 'word', also: [] },
  kind: { type: 'word', also: [] },
  seed: { type: 'number', also: [] },
  created: { type: 'time', also: ['created_at'] },
  started: { type: 'time', also: ['started_at', 'start_time'] },
  ended: { type: 'time', also: ['ended_at', 'end_time'] },
  duration: { type: 'duration', also: [] },
  steps: { type: 'number', also: ['steps_done'] },
  attempts: { type: 'number', also: [] },
  exit_code: { type: 'number', also: [] },
  error: { type: 'text', also: ['error_code'] },
  config_hash: { type: 'text', also: [] },
  compute_hash: { type: 'text', also: [] },
  weights_hash: { type: 'text', also: [] },
  artifact_uri: { type: 'text', also: [] },
};

const ATTRIBUTE_NAMES = Object.keys(ATTRIBUTES) as AttributeName[];

const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/gu, '');

const attributeOf = new Map(ATTRIBUTE_NAMES.flatMap((name) => [name, ...ATTRIBUTES[name].also].map((written) => [plain(written), name] as const)));

const DATASET_PARTS: readonly DatasetPart[] = ['name', 'digest', 'context'];

const PREFIXES = {
  metric: ['metrics', 'metric'],
  param: ['params', 'param', 'parameters', 'parameter'],
  tag: ['tags', 'tag'],
  attribute: ['attributes', 'attribute', 'attr', 'run'],
  dataset: ['datasets', 'dataset'],
} as const satisfies Record<Field['kind'], readonly string[]>;

const prefixOf = new Map((Object.keys(PREFIXES) as Field['kind'][]).flatMap((kind) => PREFIXES[kind].map((prefix) => [prefix as string, kind] as const)));

/** The tag in which MLflow's clients keep a run's name: always the same as the name itself. */
const RUN_NAME_TAG = 'mlflow.runName';

/** The words that `status` and `kind` can be compared with, and what each stands for. */
const WORDS: Readonly<Record<'status' | 'kind', Readonly<Record<string, readonly string[]>>>> = {
  status: {
    queued: ['queued'],
    running: ['running'],
    finished: ['finished'],
    failed: ['failed'],
    cancelled: ['cancelled'],
    interrupted: ['interrupted'],
    active: ['queued', 'running', 'interrupted'],
    // What MLflow's clients are told in place of ours, and another spelling.
    scheduled: ['queued', 'interrupted'],
    killed: ['cancelled'],
    canceled: ['cancelled'],
  },
  kind: { training: ['training'], command: ['command'], logged: ['logged'] },
};

/**
 * A name as it was written, up to the first dot that is not quoted and after it.
 * @param at where it begins, for the error
 * @throws RepriseError FILTER_INVALID
 */
export function fieldOf(prefix: string | null, key: string, at: number): Field {
  if (prefix === null) return attributeField(key, at);
  const kind = prefixOf.get(prefix.toLowerCase());
  if (kind === undefined) throw noPrefix(prefix, key, at);
  if (key === '') throw filterProblem(at, `a name is expected after "${prefix}.".`);
  switch (kind) {
    case 'metric':
      return { kind, key, of: 'last' };
    case 'param':
      return { kind, key };
    case 'tag':
      return key === RUN_NAME_TAG ? { kind: 'attribute', name: 'name' } : { kind, key };
    case 'attribute':
      return attributeField(key, at + prefix.length + 1);
    case 'dataset': {
      const part = DATASET_PARTS.find((known) => known === key.toLowerCase());
      if (part === undefined) throw filterProblem(at + prefix.length + 1, `a data set has ${listed(DATASET_PARTS)}, not "${shown(key)}".`, suggestion(nearest(key, DATASET_PARTS)));
      return { kind, part };
    }
  }
}

function attributeField(written: string, at: number): Field {
  const name = attributeOf.get(plain(written));
  if (name !== undefined) return { kind: 'attribute', name };
  const near = nearest(written, [...ATTRIBUTE_NAMES, ...ATTRIBUTE_NAMES.flatMap((known) => ATTRIBUTES[known].also), ...prefixOf.keys()]);
  const logged = shown(quotedKey(written));
  throw filterProblem(at, `there is no field "${shown(written)}".`, suggestion(near) ?? `What a run logged has a prefix: did you mean "metrics.${logged}", "params.${logged}" or "tags.${logged}"? Text to look for stands in quotes.`);
}

function noPrefix(prefix: string, key: string, at: number): Error {
  const near = nearest(prefix, [...prefixOf.keys()]);
  const written = `${prefix}.${key}`;
  return filterProblem(at, `there is no field "${shown(written)}".`, near === null ? `Did you mean "${shown(`params.${written}`)}" or "${shown(`metrics.${written}`)}"?` : suggestion(shown(`${near}.${key}`)));
}

function suggestion(word: string | null): string | undefined {
  return word === null ? undefined : `Did you mean "${word}"?`;
}

const LONGEST_SHOWN = 60;

/** A piece of the text, short enough for a sentence. */
export function shown(text: string): string {
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}…`;
}

/** True of a name that can only be a field: `metrics.loss`. */
export function looksLikeField(written: string): boolean {
  const dot = written.indexOf('.');
  return dot > 0 && dot < written.length - 1 && prefixOf.has(written.slice(0, dot).toLowerCase());
}

export function typeOf(field: Field): FieldType {
  switch (field.kind) {
    case 'metric':
      return 'number';
    case 'param':
    case 'tag':
      return 'logged';
    case 'dataset':
      return 'text';
    case 'attribute':
      return ATTRIBUTES[field.name].type;
  }
}

/**
 * The words that a word for `status` or `kind` stands for.
 * @throws RepriseError FILTER_INVALID
 */
export function wordsOf(field: Field, word: string, at: number): readonly string[] {
  const words = field.kind === 'attribute' && field.name === 'kind' ? WORDS.kind : WORDS.status;
  const meant = Object.hasOwn(words, word.toLowerCase()) ? words[word.toLowerCase()] : undefined;
  if (meant === undefined) {
    throw filterProblem(at, `there is no ${nameOf(field)} "${shown(word)}".`, suggestion(nearest(word, Object.keys(words))) ?? `Use ${listed(Object.keys(words))}.`);
  }
  return meant;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}

const NEEDS_NO_QUOTES = /^[\p{L}\p{N}_][\p{L}\p{N}_./@:-]*$/u;

/** The field as it can be written in a filter. */
export function nameOf(field: Field): string {
  switch (field.kind) {
    case 'attribute':
      return field.name;
    case 'dataset':
      return `datasets.${field.part}`;
    case 'param':
    case 'tag':
      return `${field.kind}s.${quotedKey(field.key)}`;
    case 'metric': {
      const name = `metrics.${quotedKey(field.key)}`;
      return field.of === 'last' ? name : `${field.of}(${name})`;
    }
  }
}

function quotedKey(key: string): string {
  return NEEDS_NO_QUOTES.test(key) ? key : `\`${key.replaceAll('`', '``')}\``;
}
