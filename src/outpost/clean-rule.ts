/**
 * What may go from a machine's folder, which several workspaces, users and hosts can share. What a run that is not over
 * needs stays; where that cannot be known, only what nobody used for long goes.
 */

export const THINGS = ['programs', 'run', 'job', 'object', 'input', 'unfinished'] as const;
/** `unfinished`: part of something that was sent or removed, and never came to its end. */
export type ThingKind = (typeof THINGS)[number];

/** Why something goes. finished: a run of this workspace, all of which was fetched. unused: nobody used it for the days that runs are kept. unneeded: no run that stays needs it. */
export const GOING = ['finished', 'unused', 'unneeded'] as const;
/**
 * Why something stays. running: its process lives. waiting: a job in the queue will need it. open: a run that is not over
 * for this workspace. may-run: it may run on another host, or wait in a queue that cannot be asked here. needed: by a run
 * that stays. current: the programs that answer. recent: it was used a short time ago. unclear: runs that nobody can look
 * into from here may need it. foreign: it belongs to another user, or another file system is mounted in it.
 */
export const STAYING = ['running', 'waiting', 'open', 'may-run', 'needed', 'current', 'recent', 'unclear', 'foreign'] as const;
export type Going = (typeof GOING)[number];
export type Staying = (typeof STAYING)[number];
export type Why = Going | Staying;

export interface Thing {
  readonly kind: ThingKind;
  /** Below the folder of its kind: a hash, a run's id. */
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970, by the clock of the machine. */
  readonly lastUse: number;
  readonly isForeign: boolean;
}

export interface RunThing extends Thing {
  /** What the workspace that asks says of it. `other`: it is over and could go on by a retry, or is none of its runs. */
  readonly here: 'open' | 'finished' | 'other';
  /** Of the process that carries out its newest attempt; null where none was started. */
  readonly life: 'alive' | 'dead' | 'unknown' | null;
  /** Whether its newest attempt came to an end. */
  readonly hasEnded: boolean;
  readonly hasOrder: boolean;
  /** Programs that carry it out; null where it does not say. */
  readonly programs: string | null;
  /** Names of objects and inputs in what describes it; null where that cannot be read. */
  readonly needs: readonly string[] | null;
}

export interface JobThing extends Thing {
  /** Ids of its runs, and the programs that its script names; null where they cannot be read. */
  readonly runs: readonly string[] | null;
  readonly programs: readonly string[];
}

export interface Found {
  /** Milliseconds since 1970, by the clock of the machine. */
  readonly now: number;
  /** Days for which the folder of a run that is over is kept. */
  readonly days: number;
  /** The programs that answer. */
  readonly current: string;
  /** Programs of which a process lives on this host. */
  readonly alive: ReadonlySet<string>;
  /** Names of the folders of jobs that are not over; null where no queue can be asked here. */
  readonly queue: ReadonlySet<string> | null;
  readonly runs: readonly RunThing[];
  readonly jobs: readonly JobThing[];
  /** Programs, objects, inputs, and what is unfinished. */
  readonly others: readonly Thing[];
  /** By the name of an object that is a list of others, their names. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

export interface Verdict {
  readonly thing: Thing;
  readonly why: Why;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** For which whatever can be sent again is kept without need, or as long as runs where that is shorter: a host may count on it and not have said so. */
export const SENT_DAYS = 7;
/** A finished run may be fetched at this moment. */
const FINISHED_MS = HOUR;

const GOES: ReadonlySet<Why> = new Set(GOING);
export const goes = (why: Why): why is Going => GOES.has(why);

/** What stays and what goes of all that was found, each thing once. */
export function decide(found: Found): Verdict[] {
  const { now, days, queue, runs, jobs, others, current, alive } = found;
  const sentMs = Math.min(days, SENT_DAYS) * DAY;
  const isOld = ({ lastUse }: Thing, ms: number): boolean => now - lastUse >= ms;

  const jobsOf = new Map<string, JobThing[]>();
  for (const job of jobs) for (const run of job.runs ?? []) jobsOf.set(run, [...(jobsOf.get(run) ?? []), job]);

  const ofRun = (run: RunThing): Why => {
    const own = jobsOf.get(run.name) ?? [];
    if (run.life === 'alive') return 'running';
    if (own.some(({ name }) => queue?.has(name) === true)) return 'waiting';
    if (run.here === 'open') return 'open';
    // The queue knows of the processes on its nodes, which cannot be looked at from here.
    if (!run.hasEnded && run.life === 'unknown' && (own.length === 0 || queue === null)) return 'may-run';
    if (run.hasOrder && own.length > 0 && queue === null) return 'may-run';
    if (run.isForeign) return 'foreign';
    if (run.here === 'finished' && isOld(run, FINISHED_MS)) return 'finished';
    return isOld(run, days * DAY) ? 'unused' : 'recent';
  };
  const runVerdicts = runs.map((thing) => ({ thing, why: ofRun(thing) }));
  const staying = runVerdicts.filter(({ why }) => !goes(why));
  const stayingIds = new Set(staying.map(({ thing }) => thing.name));

  const ofJob = (job: JobThing): Why => {
    if (queue?.has(job.name) === true) return 'waiting';
    if (job.runs?.some((run) => stayingIds.has(run)) === true) return 'needed';
    if (job.isForeign) return 'foreign';
    if (job.runs === null) return 'unclear';
    return isOld(job, sentMs) ? 'unneeded' : 'recent';
  };
  const jobVerdicts = jobs.map((thing) => ({ thing, why: ofJob(thing) }));

  const needed = new Set<string>();
  const need = (name: string): void => {
    if (needed.has(name)) return;
    needed.add(name);
    found.lists.get(name)?.forEach(need);
  };
  for (const { thing } of staying) for (const name of [...(thing.needs ?? []), ...(thing.programs === null ? [] : [thing.programs])]) need(name);
  for (const { thing, why } of jobVerdicts) if (!goes(why)) thing.programs.forEach(need);
  const isBlind = staying.some(({ thing }) => thing.needs === null) || jobVerdicts.some(({ thing, why }) => !goes(why) && thing.runs === null);
  // One that began before programs were noted: any may be its own.
  const namesNone = staying.some(({ thing, why }) => (why === 'running' || why === 'may-run') && thing.programs === null && !jobsOf.has(thing.name));

  const ofOther = (thing: Thing): Why => {
    if (thing.kind === 'programs' && thing.name === current) return 'current';
    if (thing.kind === 'programs' && alive.has(thing.name)) return 'running';
    if (needed.has(thing.name)) return 'needed';
    if (thing.isForeign) return 'foreign';
    if (!isOld(thing, sentMs)) return 'recent';
    if (thing.kind !== 'unfinished' && (isBlind || (thing.kind === 'programs' && namesNone))) return 'unclear';
    return 'unneeded';
  };
  return [...runVerdicts, ...jobVerdicts, ...others.map((thing) => ({ thing, why: ofOther(thing) }))];
}
