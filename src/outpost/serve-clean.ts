/** Removes from the machine's folder what no run needs. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { hasJobs, lastUseOf, look, placeOf, REMOVED, runsThere } from './clean-look';
import { decide, goes, type Thing, type Verdict } from './clean-rule';
import type { Input, Output } from './protocol';
import { forget, isCarried } from './serve-life';

/** Ids that an answer can hold. What is not told of is not removed. */
const MOST_RUNS = 20_000;
/** Of each group. */
const MOST_NAMES = 50;
const MOST_PROBLEMS = 10;

/** What has to be asked elsewhere before it is known what may go. @throws RepriseError FOLDER_IS_WORKSPACE */
export async function leftovers(base: string): Promise<Output<'leftovers'>> {
  refuseWorkspace(base);
  return { runIds: (await runsThere(base)).slice(0, MOST_RUNS), hasJobs: await hasJobs(base) };
}

/** A workspace has objects and runs, too, and its own way to remove them. */
function refuseWorkspace(base: string): void {
  if (!['reprise.db', 'host.lock', 'machines.json'].some((name) => existsSync(path.join(base, name)))) return;
  throw new RepriseError('FOLDER_IS_WORKSPACE', `${base} is a workspace of Reprise, too: nothing is removed from it here.`, { kind: 'input', hint: 'Name another `folder` of the machine; runs of a workspace are deleted in it.' });
}

type Group = Output<'clean'>['groups'][number];

/** @throws RepriseError FOLDER_IS_WORKSPACE */
export async function clean(base: string, { remove, ...asked }: Input<'clean'>): Promise<Output<'clean'>> {
  refuseWorkspace(base);
  const verdicts = decide(await look(base, asked));
  const groups = new Map<string, Group>();
  const problems: string[] = [];
  for (const verdict of verdicts) {
    if (!remove || !goes(verdict.why)) add(groups, verdict);
    else {
      try {
        add(groups, (await removeThing(base, verdict.thing)) ? verdict : { ...verdict, why: 'recent' });
      } catch (error) {
        // Somebody else removed it just then.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        if (problems.length < MOST_PROBLEMS) problems.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
  return { base, groups: [...groups.values()], problems };
}

function add(groups: Map<string, Group>, { thing: { kind, name, bytes, lastUse }, why }: Verdict): void {
  const key = `${kind} ${why}`;
  const group = groups.get(key) ?? { kind, why, count: 0, bytes: 0, lastUse, names: [] };
  groups.set(key, { ...group, count: group.count + 1, bytes: group.bytes + bytes, lastUse: Math.max(group.lastUse, lastUse), names: group.names.length < MOST_NAMES ? [...group.names, name] : group.names });
}

/**
 * Out of the way first, at once, so that nobody finds half of it; then for good.
 * @returns false where it stays, because it was used since it was looked at; @throws the system's error
 */
async function removeThing(base: string, thing: Thing): Promise<boolean> {
  const place = placeOf(base, thing);
  if ((await lastUseOf(place)) !== thing.lastUse || (thing.kind === 'run' && isCarried(place) === true)) return false;
  const folder = path.join(base, REMOVED);
  await mkdir(folder, { recursive: true });
  if (!(await lstat(folder)).isDirectory()) throw new Error(`${folder} is a link`);
  const aside = path.join(folder, randomUUID());
  await rename(place, aside);
  forget(place);
  await rm(aside, { recursive: true, force: true, maxRetries: 3 });
  return true;
}
