/** What a record that names things freely must be, so that every reader can take it. */
import { toLogged, type EventBody, type LoggedNumber, type PointsRecord } from './records';

const SHA256 = /^[0-9a-f]{64}$/u;
const STRANGE_PART = /(?:^|\/)(?:\.{0,2})(?:\/|$)/u;

/** Whether a path is relative, with `/`, without `.`, `..` or empty parts. */
function isInnerPath(path: string): boolean {
  return path !== '' && path.length <= 4096 && !STRANGE_PART.test(path) && !path.includes('\\') && !path.includes('\0') && !/^[A-Za-z]:/u.test(path);
}

/** Why no reader could take a record of a command or a logged run, or null. */
export function recordProblem(record: EventBody): string | null {
  switch (record.type) {
    case 'points':
      return pointsProblem(record);
    case 'file':
      if (!isInnerPath(record.path)) return `has the path "${record.path}", which does not stay inside its run`;
      return record.sha256 === null || SHA256.test(record.sha256) ? null : 'has a SHA-256 that is none';
    case 'params':
      return Object.hasOwn(record.params, '') ? 'has a parameter without a name' : null;
    case 'tags':
      return Object.hasOwn(record.tags, '') ? 'has a tag without a name' : null;
    default:
      return null;
  }
}

function pointsProblem({ key, steps, times, values }: PointsRecord): string | null {
  if (key === '') return 'has points of a metric without a name';
  if (steps.length !== times.length || steps.length !== values.length) return `has ${steps.length} steps, ${times.length} times and ${values.length} values`;
  for (let index = 0; index < steps.length; index += 1) {
    if (!Number.isSafeInteger(steps[index])) return `has the step ${steps[index]}, which is no whole number below 2^53`;
    if (!Number.isFinite(times[index])) return `has the time ${times[index]}`;
  }
  return null;
}

/** The same record with numbers that JSON cannot say as it says them. */
export function sayable(record: EventBody): EventBody {
  if (record.type !== 'points' || record.values.every(isSayable)) return record;
  return { ...record, values: record.values.map((value) => (typeof value === 'number' ? toLogged(value) : value)) };
}

function isSayable(value: LoggedNumber): boolean {
  return typeof value === 'string' || (Number.isFinite(value) && !Object.is(value, -0));
}
