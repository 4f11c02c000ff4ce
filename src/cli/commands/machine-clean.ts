/** `reprise machine clean`: what lies on a machine, and removing what no run needs. */
import { bytesOfAll, kindInWords, reasonInWords, type GoingThings, type MachineCleaned, type StayingThings } from '../../api/machine-clean';
import { print, printJson, say, table } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';
import { readAccess } from './machine';

export interface CleanOptions extends GlobalOptions {
  readonly dryRun?: boolean;
  readonly olderThan?: number;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `840 B`, `175.2 MB`; powers of 1000. */
function size(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.max(0, String(Math.floor(bytes)).length - 1) / 3));
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${UNITS[power] ?? ''}`;
}

function rows(things: readonly (GoingThings | StayingThings)[], days: number): string[][] {
  return things.map(({ kind, why, count, bytes, lastUse }) => [kindInWords(kind), String(count), size(bytes), new Date(lastUse).toISOString().slice(0, 10), reasonInWords(why, days)]);
}

export function cleanText({ name, folder, days, removed, going, staying, problems }: MachineCleaned): string {
  const section = (title: string, things: readonly (GoingThings | StayingThings)[]): string[] =>
    things.length === 0 ? [] : ['', `${title}, ${size(bytesOfAll(things))}:`, table(['what', 'number', 'size', 'last use', 'why'], rows(things, days))];
  return [
    `${folder} on ${name}`,
    ...section(removed ? 'Removed' : 'Would go', going),
    ...(going.length === 0 ? ['', removed ? 'Nothing was removed.' : 'Nothing would go.'] : []),
    ...section(removed ? 'Left' : 'Would stay', staying),
    ...(problems.length === 0 ? [] : ['', 'Could not be removed:', ...problems]),
  ].join('\n');
}

export async function machineClean([name = '']: readonly string[], options: CleanOptions): Promise<number> {
  return withEngine(options, readAccess(options), async (engine) => {
    const cleaned = await call(engine, 'machines.clean', { name, remove: options.dryRun !== true, ...(options.olderThan === undefined ? {} : { days: options.olderThan }) });
    if (options.json === true) printJson(cleaned);
    else {
      print(cleanText(cleaned));
      if (!cleaned.removed && cleaned.going.length > 0) say(`Remove it with: reprise machine clean ${name}${options.olderThan === undefined ? '' : ` --older-than ${options.olderThan}`}`);
    }
    return cleaned.problems.length === 0 ? 0 : 1;
  });
}
