/** A cluster's queue, as its commands tell of it: one look for all jobs that are followed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RepriseError } from '../../errors/errors';
import { Gatherer } from './gather';
import { numberOf, parseSacct, parseScontrol, parseSqueue, SACCT, SQUEUE, type JobName, type JobSight } from './jobs';

/** How a program of the login host ended. */
export interface Told {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program on the login host, without a shell. @throws RepriseError where the host is out of reach */
export type Login = (argv: readonly string[]) => Promise<Told>;

/** What is to be known of a job: a sight; `gone` where neither the controller nor accounting knows it; `unreachable` where the controller does not answer. */
export type News = JobSight | 'gone' | 'unreachable';

export interface QueueOptions {
  readonly login: Login;
  readonly pollMs: number;
}

/** A job with its working directory: a job of the same number in another one is another job. */
export interface PlacedJob {
  readonly job: JobName;
  readonly folder: string;
}

/** @param asked when the look began, as performance.now() tells: what happened later is not in it */
export type Hear = (news: News, asked: number) => void;

interface Followed extends PlacedJob {
  readonly hear: Hear;
}

/** Milliseconds between two looks where something keeps them from being told, at most. */
const SLOWEST_MS = 30_000;
const CANCELS = { quietMs: 30, mostMs: 200 };
const CANCEL_AGAIN_MS = 5000;
/** Numbers that one scancel is given. */
const CANCELLED_AT_ONCE = 2000;

export class ClusterQueue {
  readonly #login: Login;
  readonly #pollMs: number;
  readonly #followed = new Set<Followed>();
  readonly #cancels = new Gatherer<PlacedJob>(CANCELS, (jobs) => void this.#scancel(jobs));
  /** Until it says that it does not. */
  #keepsAccounts = true;
  #looking = false;

  constructor({ login, pollMs }: QueueOptions) {
    this.#login = login;
    this.#pollMs = pollMs;
  }

  /** Tells of a job from now on, once a look. @returns stops telling */
  follow(placed: PlacedJob, hear: Hear): () => void {
    const followed = { ...placed, hear };
    this.#followed.add(followed);
    void this.#look();
    return () => this.#followed.delete(followed);
  }

  /** Ends a job that waits or runs; those asked for within a moment are ended by one command. One that is over stays so. */
  cancel(placed: PlacedJob): void {
    this.#cancels.add('', placed);
  }

  /** How an ended job ended, where the controller still knows. */
  async exitOf(placed: PlacedJob): Promise<JobSight['exit']> {
    const { stdout } = await this.#login(['scontrol', 'show', 'job', '--oneliner', numberOf(placed.job)]);
    return sightOf(placed, parseScontrol(stdout))?.exit ?? null;
  }

  /** Who cancelled a job, as accounting tells. */
  async cancelledBy(placed: PlacedJob): Promise<string | null> {
    return sightOf(placed, await this.#account([placed]))?.by ?? null;
  }

  /** Looks again and again, as long as somebody wants to hear. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    for (let pause = this.#pollMs; this.#followed.size > 0; await sleep(pause, undefined, { ref: false })) {
      const asked = performance.now();
      try {
        await this.#tell();
        pause = this.#pollMs;
      } catch {
        // The controller or the way to it is away: whoever follows hears of it, and jobs go on without.
        pause = Math.min(pause * 2, SLOWEST_MS);
        for (const { hear } of this.#followed) hear('unreachable', asked);
      }
    }
    this.#looking = false;
  }

  async #tell(): Promise<void> {
    const asked = performance.now();
    const followed = [...this.#followed];
    const seen = await this.#sights(followed);
    const missing = followed.filter((placed) => sightOf(placed, seen) === undefined);
    const accounted = missing.length === 0 ? [] : await this.#account(missing);
    for (const placed of followed) placed.hear(sightOf(placed, seen) ?? sightOf(placed, accounted) ?? 'gone', asked);
  }

  /** What the controller knows of these jobs, and of others of the same numbers. */
  async #sights(jobs: readonly PlacedJob[]): Promise<JobSight[]> {
    return jobs.length === 0 ? [] : parseSqueue((await this.#ask([...SQUEUE, idsOf(jobs)])).stdout);
  }

  /** What accounting knows of these jobs; nothing where the cluster keeps no accounts. */
  async #account(jobs: readonly PlacedJob[]): Promise<JobSight[]> {
    if (!this.#keepsAccounts) return [];
    const told = await this.#login([...SACCT, idsOf(jobs)]).catch((error: unknown) => {
      if (error instanceof RepriseError && error.code === 'PROGRAM_NOT_STARTED') return null;
      throw error;
    });
    this.#keepsAccounts = told !== null && !/accounting storage is disabled/iu.test(told.stderr);
    return told?.exitCode === 0 ? parseSacct(told.stdout) : [];
  }

  /** @throws RepriseError SLURM_UNREACHABLE where the controller does not answer */
  async #ask(argv: readonly string[]): Promise<Told> {
    const told = await this.#login(argv);
    // Of a job alone that is no longer known, squeue says that its number is invalid.
    if (told.exitCode === 0 || /Invalid job id/u.test(told.stderr)) return told;
    throw new RepriseError('SLURM_UNREACHABLE', `The cluster does not say what its jobs do: ${told.stderr.trim() || `${argv[0] ?? ''} ended with exit code ${told.exitCode ?? 'unknown'}`}`, { kind: 'system' });
  }

  /** A cluster that is out of reach is asked again, as long as somebody follows the jobs. */
  async #scancel(jobs: readonly PlacedJob[]): Promise<void> {
    try {
      const seen = await this.#sights(jobs);
      const numbers = jobs.filter((placed) => sightOf(placed, seen) !== undefined).map(({ job }) => numberOf(job));
      for (let from = 0; from < numbers.length; from += CANCELLED_AT_ONCE) {
        const { stderr } = await this.#login(['scancel', ...numbers.slice(from, from + CANCELLED_AT_ONCE)]);
        if (isSilence(stderr)) throw new Error(stderr);
      }
      await this.#tell();
    } catch {
      await sleep(CANCEL_AGAIN_MS, undefined, { ref: false });
      const followed = new Set([...this.#followed].map(({ folder, job }) => `${folder} ${numberOf(job)}`));
      for (const placed of jobs) if (followed.has(`${placed.folder} ${numberOf(placed.job)}`)) this.cancel(placed);
    }
  }
}

/** Whether a command of Slurm says that the controller does not answer. */
export function isSilence(words: string): boolean {
  return /contact slurm controller|socket timed out|connection refused|zero bytes were transmitted|temporarily/iu.test(words);
}

/** A job by its number, if it is that one. */
function sightOf({ job, folder }: PlacedJob, sights: readonly JobSight[]): JobSight | undefined {
  const number = numberOf(job);
  return sights.findLast((sight) => sight.number === number && sight.folder === folder);
}

function idsOf(jobs: readonly PlacedJob[]): string {
  return `--jobs=${[...new Set(jobs.map(({ job }) => job.id))].join(',')}`;
}
