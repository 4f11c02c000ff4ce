/**
 * A filter of runs as a tree. What it means is told by `evaluate.ts`, in short:
 *
 * - A run lacks what was not logged or is not known. A comparison with what a run lacks is false, whichever it is
 *   (`!=`, `not in` and `not like` too), so `not (…)` around it is true; `is null` asks for it.
 * - A metric is its latest value. NaN is a value: it differs from every number and is neither below nor above one.
 *   `metrics.loss = nan` asks for it.
 * - A parameter or tag is text. Against a number it counts as the number that its text spells; text that spells none
 *   differs from every number. Against text it is compared by code points.
 * - A run has any number of data sets: a condition on one holds where it holds for any of them.
 */

/**
 * What is known of every run, by the names that a filter has for it. `name`: what lists call it, so its variant or its
 * reproduction id where nobody named it. `started`: when it was made, where it has not started. `duration`: seconds, of a
 * running run up to now.
 */
export type AttributeName =
  | 'run_id'
  | 'reproduction_id'
  | 'name'
  | 'experiment'
  | 'study'
  | 'variant'
  | 'user'
  | 'status'
  | 'kind'
  | 'seed'
  | 'created'
  | 'started'
  | 'ended'
  | 'duration'
  | 'steps'
  | 'attempts'
  | 'exit_code'
  | 'error'
  | 'config_hash'
  | 'compute_hash'
  | 'weights_hash'
  | 'artifact_uri';

export type DatasetPart = 'name' | 'digest' | 'context';

export type Field =
  /** `of`: the latest value, or the smallest or greatest of all that are no NaN. */
  | { readonly kind: 'metric'; readonly key: string; readonly of: 'last' | 'min' | 'max' }
  | { readonly kind: 'param' | 'tag'; readonly key: string }
  | { readonly kind: 'attribute'; readonly name: AttributeName }
  | { readonly kind: 'dataset'; readonly part: DatasetPart };

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type Value =
  /** Also of a duration, in seconds. */
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'text'; readonly value: string }
  /** Of parameters and tags: `true`, `True` and `TRUE` are the same. */
  | { readonly type: 'boolean'; readonly value: boolean }
  /** A stretch of time such as a day, both ends included, milliseconds since 1970; `text`: as it was written. */
  | { readonly type: 'time'; readonly from: number; readonly to: number; readonly text: string };

/** `at`: where the condition begins in the text, counted from 0. */
export type Condition =
  | { readonly type: 'compare'; readonly field: Field; readonly op: Comparison; readonly value: Value; readonly at: number }
  | { readonly type: 'in'; readonly field: Field; readonly negated: boolean; readonly values: readonly Value[]; readonly at: number }
  /** `%` stands for any text, `_` for one character. `ignoreCase`: A to Z and a to z are the same. */
  | { readonly type: 'like'; readonly field: Field; readonly negated: boolean; readonly ignoreCase: boolean; readonly pattern: string; readonly at: number }
  /** That the word occurs in the run's name, experiment, variant, seed, status or ids, or begins one of its hashes. */
  | { readonly type: 'word'; readonly word: string; readonly at: number }
  /** That the run lacks the field; negated: that it has it. */
  | { readonly type: 'null'; readonly field: Field; readonly negated: boolean; readonly at: number };

export type Filter =
  | Condition
  | { readonly type: 'not'; readonly term: Filter }
  /** Of two terms or more. */
  | { readonly type: 'and' | 'or'; readonly terms: readonly Filter[] };

/**
 * What runs are sorted by: numbers by size, then what is no number (text by code points, NaN), then runs that lack it.
 * `descending` turns the first two around each for itself, and leaves their sequence.
 */
export interface Order {
  readonly field: Field;
  readonly descending: boolean;
}
