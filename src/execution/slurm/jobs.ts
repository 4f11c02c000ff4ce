/** How a job is named, so that the numbers of two clusters never meet, nor those of one that counts from 1 again; and what Slurm's commands say of jobs. */
import { exitOf, standingOf, type Standing } from './states';

/** A job of one run: the whole of a batch, or one index of an array. */
export interface JobName {
  readonly cluster: string;
  /** Of the array, or of the job itself. */
  readonly id: number;
  /** Null for a job that is no array. */
  readonly index: number | null;
  /** The folder that was made for its submission, which no other job has as its working directory. */
  readonly token: string;
}

const NAME = /^([^/]+)\/(\d+)(?:_(\d+))?\/([0-9a-z-]+)$/u;

/** `CLUSTER/12_3/TOKEN`, as a place record keeps it. */
export function formatJob({ cluster, id, index, token }: JobName): string {
  return `${cluster}/${numberOf({ id, index })}/${token}`;
}

/** @returns null for what is no name of a job */
export function parseJob(text: string): JobName | null {
  const match = NAME.exec(text);
  if (match === null) return null;
  const [, cluster = '', id, index, token = ''] = match;
  return { cluster, id: Number(id), index: index === undefined ? null : Number(index), token };
}

/** As Slurm's commands take it: `12_3`, or `12`. */
export function numberOf({ id, index }: Pick<JobName, 'id' | 'index'>): string {
  return index === null ? String(id) : `${id}_${index}`;
}

/** What a command of Slurm said of one job. */
export interface JobSight {
  /** `12_3`, or `12`. */
  readonly number: string;
  readonly standing: Standing;
  /** Slurm's own word: `PENDING`, `TIMEOUT`. */
  readonly state: string;
  /** Slurm's own word: `Priority`, `JobHeldUser`; empty for none. */
  readonly reason: string;
  /** First of its nodes; null where it has none. */
  readonly node: string | null;
  /** Null where it was not asked for, or the job has none yet. */
  readonly exit: { readonly exitCode: number; readonly signal: number } | null;
  /** User id or name of who cancelled it, where Slurm tells. */
  readonly by: string | null;
  /** Working directory. */
  readonly folder: string;
}

/** Of all jobs, ended ones too as long as the controller knows them; the reason comes last, because it alone may hold a bar. */
export const SQUEUE = ['squeue', '--noheader', '--all', '--array', '--states=all', '--format=%F|%K|%T|%B|%Z|%r'] as const;

/** @param text what `SQUEUE` printed */
export function parseSqueue(text: string): JobSight[] {
  return text.split('\n').flatMap((line) => {
    const [id = '', index = '', state = '', node = '', folder = '', ...reason] = line.split('|');
    if (!/^\d+$/u.test(id)) return [];
    return [sight({ id, index: /^\d+$/u.test(index) ? index : null, state, node, folder, reason: reason.join('|') })];
  });
}

/** Of jobs that the controller may have forgotten; what accounting knows of them. */
export const SACCT = ['sacct', '--noheader', '--parsable2', '--allocations', '--array', '--duplicates', '--format=JobID,State,ExitCode,NodeList,WorkDir'] as const;

/** @param text what `SACCT` printed. Of a job that was requeued there are several lines, the newest last. */
export function parseSacct(text: string): JobSight[] {
  return text.split('\n').flatMap((line) => {
    const [number = '', state = '', exit = '', nodes = '', ...folder] = line.split('|');
    const match = /^(\d+)(?:_(\d+))?$/u.exec(number);
    if (match === null) return [];
    const said = sight({ id: match[1] ?? '', index: match[2] ?? null, state, node: firstNode(nodes), folder: folder.join('|'), reason: '' });
    return [{ ...said, exit: exitOf(exit), by: /^CANCELLED by (.+)$/u.exec(state)?.[1] ?? null }];
  });
}

/** @param text what `scontrol show job --oneliner` printed. Values may hold spaces: one ends where the next name begins. */
export function parseScontrol(text: string): JobSight[] {
  return text.split('\n').flatMap((line) => {
    const of = (name: string): string => new RegExp(`(?:^|\\s)${name}=(.*?)(?=\\s[A-Za-z][\\w/:]*=|\\s*$)`, 'u').exec(line)?.[1] ?? '';
    const id = of('ArrayJobId') || of('JobId');
    const index = of('ArrayTaskId');
    if (!/^\d+$/u.test(id)) return [];
    const said = sight({ id, index: /^\d+$/u.test(index) ? index : null, state: of('JobState'), node: of('BatchHost'), folder: of('WorkDir'), reason: of('Reason') });
    return [{ ...said, exit: said.standing.phase === 'over' ? exitOf(of('ExitCode')) : null }];
  });
}

interface Said {
  readonly id: string;
  readonly index: string | null;
  readonly state: string;
  readonly node: string;
  readonly folder: string;
  readonly reason: string;
}

function sight({ id, index, state, node, folder, reason }: Said): JobSight {
  const isNone = (text: string): boolean => ['', 'n/a', 'N/A', '(null)', 'None', 'None assigned'].includes(text);
  return {
    number: index === null ? id : `${id}_${index}`,
    standing: standingOf(state),
    state: state.split(' ')[0] ?? '',
    reason: isNone(reason) ? '' : reason,
    node: isNone(node) ? null : node,
    exit: null,
    by: null,
    folder,
  };
}

/** The first of `node1`, `node[1-2,7]` or `a,b`. */
function firstNode(list: string): string {
  return list.replace(/\[(\d+)[^\]]*\].*$/u, '$1').split(',')[0] ?? '';
}
