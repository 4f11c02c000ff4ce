/** What the columns of a table hold, by their names. */

export type TableLayout = 'runs' | 'points';

/** Names that are understood without a prefix, in lower case, the likeliest first. */
const KNOWN = {
  id: ['run_id', 'run_uuid', 'id'],
  run: ['run', 'run_id', 'run_name', 'run name'],
  name: ['run_name', 'name', 'run name', 'run'],
  experiment: ['experiment', 'experiment_name', 'project'],
  status: ['status', 'state'],
  start: ['start_time', 'started_at', 'created_at', 'created'],
  end: ['end_time', 'ended_at', 'finished_at'],
  user: ['user', 'user_id'],
  key: ['key', 'metric', 'tag', 'series'],
  value: ['value'],
  step: ['step', 'global_step', '_step', 'iteration', 'iter', 'epoch'],
  time: ['time', 'timestamp', 'wall_time', 'wall time', '_timestamp', 'date'],
} as const;

export type Known = keyof typeof KNOWN;

/** The column with a meaning, or null. */
export function find(columns: readonly string[], meaning: Known): string | null {
  for (const name of KNOWN[meaning]) {
    const column = columns.find((one) => one.toLowerCase() === name);
    if (column !== undefined) return column;
  }
  return null;
}

export type Role = { readonly kind: 'param' | 'metric' | 'tag'; readonly name: string };

const PREFIXES: readonly { readonly pattern: RegExp; readonly kind: Role['kind'] }[] = [
  { pattern: /^(?:params?|config|hparams?)[./](?<name>.+)$/iu, kind: 'param' },
  { pattern: /^(?:metrics?|summary)[./](?<name>.+)$/iu, kind: 'metric' },
  { pattern: /^tags?[./](?<name>.+)$/iu, kind: 'tag' },
];

function prefixed(column: string): Role | null {
  for (const { pattern, kind } of PREFIXES) {
    const name = pattern.exec(column)?.groups?.['name'];
    if (name !== undefined) return { kind, name };
  }
  return null;
}

/** Rows are points where there is a step or a key with a value, and runs where the columns say what is a parameter and what a metric. */
export function layoutOf(columns: readonly string[]): TableLayout {
  if (columns.some((column) => prefixed(column) !== null)) return 'runs';
  return find(columns, 'step') !== null || (find(columns, 'key') !== null && find(columns, 'value') !== null) ? 'points' : 'runs';
}

/**
 * What each further column of a table of runs holds: by its prefix; by `metrics`, the columns that the caller names; else
 * a parameter, or a tag where other columns have prefixes.
 */
export function rolesOf(columns: readonly string[], metrics: readonly string[]): Map<string, Role> {
  const special = new Set((['id', 'name', 'experiment', 'status', 'start', 'end', 'user'] as const).map((meaning) => find(columns, meaning)));
  const plain: Role['kind'] = columns.some((column) => prefixed(column) !== null) ? 'tag' : 'param';
  const roles = new Map<string, Role>();
  for (const column of columns) {
    if (metrics.includes(column)) roles.set(column, { kind: 'metric', name: column });
    else if (!special.has(column)) roles.set(column, prefixed(column) ?? { kind: plain, name: column });
  }
  return roles;
}
