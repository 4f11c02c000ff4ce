/** Use cases: runs found by a filter, and groups of them. */
import type { Input, Output } from '../api/contract';
import { RepriseError } from '../errors/errors';
import type { Field, Order } from '../filter/ast';
import { nameOf } from '../filter/fields';
import { fieldsIn } from '../filter/mentioned';
import { parseFields, parseOrder } from '../filter/parse';
import { nearest } from '../filter/problems';
import { filterOf } from '../filter/read';
import type { RunData } from '../store/tracking';
import type { Store } from '../store/types';
import type { EngineContext } from './context';

const RUNS_BY_DEFAULT = 100;
const GROUPS_BY_DEFAULT = 100;
/** Parameters in which groups differ, at most so many. */
const MOST_DIFFERING = 20;

type Value = string | number | null;

/** @throws RepriseError FILTER_INVALID, PAGE_INVALID */
export function searchRuns({ store }: EngineContext, input: Input<'runs.search'>): Output<'runs.search'> {
  const now = Date.now();
  const filter = filterOf(input.filter ?? '', now);
  const order = parseOrder(input.order ?? '');
  const { experiments, lifecycle } = input;
  const scope = { filter, experiments, lifecycle, now };
  const { runs, next } = store.search({ ...scope, order, limit: input.limit ?? RUNS_BY_DEFAULT, after: input.after });
  const fields = distinct([...parseFields(input.show ?? ''), ...order.map(({ field }) => field), ...(filter === null ? [] : fieldsIn(filter))]).filter(isNoColumn);
  const data = new Map(store.runData(runs.map(({ runId }) => runId)).map((entry) => [entry.run.runId, entry]));
  return {
    fields: fields.map(nameOf),
    rows: runs.map((run) => ({ run, values: fields.map((field) => valueOf(store, field, data.get(run.runId))) })),
    total: store.countRuns(scope),
    next,
    notes: notesOn(store, [...fields, ...(filter === null ? [] : fieldsIn(filter))]),
  };
}

/** @throws RepriseError FILTER_INVALID, INPUT_INVALID */
export function searchGroups({ store }: EngineContext, input: Input<'runs.searchGroups'>): Output<'runs.searchGroups'> {
  const filter = filterOf(input.filter ?? '');
  const by = parseFields(input.by ?? '');
  const order = metricOrder(parseOrder(input.order ?? ''));
  const { allParamsBut, experiments, lifecycle } = input;
  const { groups, total } = store.groupRuns({ filter, experiments, lifecycle, by, allParamsBut, order, limit: input.limit ?? GROUPS_BY_DEFAULT });
  const newest = new Map(store.runData(groups.map((group) => group.newest)).map((entry) => [entry.run.runId, entry]));
  const differing = allParamsBut === undefined ? [] : differingParams([...newest.values()], allParamsBut, by);
  return {
    fields: [...by, ...differing].map(nameOf),
    metric: order === undefined ? null : nameOf(order.field),
    groups: groups.map((group) => ({ ...group, values: [...group.values, ...differing.map((field) => valueOf(store, field, newest.get(group.newest)))] })),
    total,
    notes: notesOn(store, [...by, ...(order === undefined ? [] : [order.field]), ...(filter === null ? [] : fieldsIn(filter))]),
  };
}

function metricOrder([first, second]: readonly Order[]): Order | undefined {
  if (second !== undefined || (first !== undefined && first.field.kind !== 'metric')) {
    throw new RepriseError('INPUT_INVALID', `Groups are sorted by the mean of one metric, not by "${nameOf((second ?? first!).field)}".`, { hint: 'Write metrics.NAME or metrics.NAME desc.' });
  }
  return first;
}

/** Parameters that do not have one value in all groups. */
function differingParams(groups: readonly RunData[], but: readonly string[], by: readonly Field[]): Field[] {
  const names = [...new Set(groups.flatMap(({ params }) => Object.keys(params)))].sort();
  const isShown = (name: string): boolean => by.some((field) => field.kind === 'param' && field.key === name);
  return names
    .filter((name) => !but.includes(name) && !isShown(name) && new Set(groups.map(({ params }) => (Object.hasOwn(params, name) ? params[name] : undefined))).size > 1)
    .slice(0, MOST_DIFFERING)
    .map((key) => ({ kind: 'param', key }));
}

/** Attributes stand in the run itself. */
function isNoColumn(field: Field): boolean {
  return field.kind !== 'attribute';
}

function distinct(fields: readonly Field[]): Field[] {
  return [...new Map(fields.map((field) => [nameOf(field), field])).values()];
}

function valueOf(store: Store, field: Field, data: RunData | undefined): Value {
  if (data === undefined) return null;
  switch (field.kind) {
    case 'metric': {
      const metric = data.metrics.find(({ key }) => key === field.key);
      return metric === undefined ? null : field.of === 'last' ? metric.value : metric[field.of];
    }
    case 'param':
    case 'tag': {
      const texts = field.kind === 'param' ? data.params : data.tags;
      return Object.hasOwn(texts, field.key) ? (texts[field.key] ?? null) : null;
    }
    case 'dataset': {
      const datasets = store.datasets(data.run.runId);
      const texts = datasets.flatMap((dataset) => (field.part === 'context' ? (dataset.tags['mlflow.data.context'] ?? []) : dataset[field.part]));
      return texts.length === 0 ? null : texts.join(', ');
    }
    case 'attribute':
      return null;
  }
}

/** Says which names nothing was ever logged under. */
function notesOn(store: Store, fields: readonly Field[]): string[] {
  const named = distinct(fields.filter((field) => field.kind === 'metric' || field.kind === 'param' || field.kind === 'tag'));
  if (named.length === 0) return [];
  const known = store.names();
  return named.flatMap((field) => {
    if (!('key' in field) || known.includes(field.key)) return [];
    // Of `accuracy` or `dropout` more often the first part was left out than a letter mistaken.
    const longer = known.filter((name) => name.endsWith(`.${field.key}`)).toSorted().slice(0, 3);
    const near = longer.length > 0 ? longer : [nearest(field.key, known)].filter((name) => name !== null);
    return [`No run has a ${WORDS[field.kind]} "${field.key}".${near.length === 0 ? '' : ` Did you mean ${near.map((name) => `"${name}"`).join(' or ')}?`}`];
  });
}

const WORDS: Readonly<Record<Exclude<Field['kind'], 'attribute' | 'dataset'>, string>> = { metric: 'metric', param: 'parameter', tag: 'tag' };

