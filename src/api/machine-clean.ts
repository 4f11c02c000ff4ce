/** What user interfaces know of what lies on another machine, and of removing it. */
import { z } from 'zod';
import { machineNameText } from './machines';

/** Days for which folders of runs that are over are kept, unless a person says otherwise. */
export const KEPT_DAYS = 30;
/** For which what can be sent again is kept without need, at most. */
const SENT_DAYS = 7;

export const machineClean = z.strictObject({
  name: machineNameText,
  days: z.int().min(1).max(10_000).optional(),
  /** Without it nothing is removed. */
  remove: z.boolean(),
});

const kind = z.enum(['programs', 'run', 'job', 'object', 'input', 'unfinished']);
const going = z.enum(['finished', 'unused', 'unneeded']);
const staying = z.enum(['running', 'waiting', 'open', 'may-run', 'needed', 'current', 'recent', 'unclear', 'foreign']);

/** Things of one kind for one reason. */
const fields = {
  kind,
  count: z.number(),
  bytes: z.number(),
  /** Of the one that was used last: milliseconds since 1970, by the clock there. */
  lastUse: z.number(),
  /** Of the first of them: hashes, ids of runs. */
  names: z.array(z.string()),
};
const goingThings = z.object({ ...fields, why: going });
const stayingThings = z.object({ ...fields, why: staying });
export type GoingThings = z.infer<typeof goingThings>;
export type StayingThings = z.infer<typeof stayingThings>;

export const machineCleaned = z.object({
  name: z.string(),
  /** Absolute, there. */
  folder: z.string(),
  days: z.number(),
  /** False: nothing was. */
  removed: z.boolean(),
  going: z.array(goingThings),
  staying: z.array(stayingThings),
  /** Why something could not be removed. */
  problems: z.array(z.string()),
});
export type MachineCleaned = z.infer<typeof machineCleaned>;

const KINDS: Readonly<Record<GoingThings['kind'], string>> = {
  programs: 'Programs of Reprise',
  run: 'Folders of runs',
  job: 'Job scripts',
  object: 'Data, models and code',
  input: 'Inputs',
  unfinished: 'Unfinished transfers',
};

export const kindInWords = (of: GoingThings['kind']): string => KINDS[of];

/** Why something goes or stays, in words for people. @param days for which runs are kept */
export function reasonInWords(why: GoingThings['why'] | StayingThings['why'], days: number): string {
  const during = (most: number): string => (most === 1 ? 'a day' : `${most} days`);
  switch (why) {
    case 'finished':
      return 'finished, and all of it is here';
    case 'unused':
      return `over, or of another workspace; not used for ${during(days)}`;
    case 'unneeded':
      return `no run there needs it; not used for ${during(Math.min(days, SENT_DAYS))}`;
    case 'running':
      return 'in use now';
    case 'waiting':
      return 'a job in the queue needs it';
    case 'open':
      return 'the run is not over';
    case 'may-run':
      return 'may run or wait where this host cannot look';
    case 'needed':
      return 'a run that stays needs it';
    case 'current':
      return 'of this version';
    case 'recent':
      return 'used a short time ago';
    case 'unclear':
      return 'a run that cannot be looked into may need it';
    case 'foreign':
      return 'of another user, or on another file system';
  }
}

export function bytesOfAll(things: readonly { readonly bytes: number }[]): number {
  return things.reduce((sum, { bytes }) => sum + bytes, 0);
}
