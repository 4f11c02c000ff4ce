/** What a record that names things freely must be, so that every reader can take it. */
import { toLogged, type DatasetRecord, type EventBody, type FileRecord, type LoggedNumber, type PointsRecord, type StateRecord } from './records';

const SHA256 = /^[0-9a-f]{64}$/u;
const STRANGE_PART = /(?:^|\/)(?:\.{0,2})(?:\/|$)/u;

/** Milliseconds from 1970 to the last day that dates know. */
const LAST_DATE = 8.64e15;

/** Whether milliseconds since 1970 name a time that a date can have. */
export function isTime(at: number): boolean {
  return Math.abs(at) <= LAST_DATE;
}

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
      return fileProblem(record);
    case 'params':
      return textsProblem('parameter', record.params);
    case 'tags':
      return textsProblem('tag', record.tags, true);
    case 'dataset':
      return datasetProblem(record);
    case 'state':
      return stateProblem(record);
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

function fileProblem({ path, sha256, bytes }: FileRecord): string | null {
  if (!isInnerPath(path)) return `has the path "${path}", which does not stay inside its run`;
  if (sha256 !== null && !SHA256.test(sha256)) return 'has a SHA-256 that is none';
  return Number.isSafeInteger(bytes) && bytes >= 0 ? null : `has a file of ${bytes} bytes`;
}

function textsProblem(what: string, texts: Readonly<Record<string, unknown>>, canGo = false): string | null {
  if (Object.hasOwn(texts, '')) return `has a ${what} without a name`;
  const odd = Object.entries(texts).find(([, value]) => typeof value !== 'string' && !(canGo && value === null));
  return odd === undefined ? null : `has the ${what} "${odd[0]}", whose value is no text`;
}

function datasetProblem({ name, digest, sourceType, source, schema, profile, tags }: DatasetRecord): string | null {
  if (typeof name !== 'string' || typeof digest !== 'string') return 'has a data set without a name or a digest';
  if ([sourceType, source, schema ?? '', profile ?? ''].some((said) => typeof said !== 'string')) return `has the data set "${name}", which says something that is no text`;
  return textsProblem('tag of a data set', tags);
}

/** Times are milliseconds: a fraction of one says nothing, a time that no date has is a mistake. */
function stateProblem({ startedAt, endedAt, name }: StateRecord): string | null {
  const odd = [startedAt, endedAt].find((at) => at !== undefined && at !== null && !isTime(at));
  if (odd !== undefined) return `has the time ${odd}, which no date has`;
  return name === undefined || typeof name === 'string' ? null : 'has a name that is no text';
}

/** The same record with numbers that JSON cannot say as it says them. */
export function sayable(record: EventBody): EventBody {
  if (record.type !== 'points' || record.values.every(isSayable)) return record;
  return { ...record, values: record.values.map((value) => (typeof value === 'number' ? toLogged(value) : value)) };
}

function isSayable(value: LoggedNumber): boolean {
  return typeof value === 'string' || (Number.isFinite(value) && !Object.is(value, -0));
}
