/** A cluster of Slurm as an executor: an attempt is a job, or one index of an array. */
import { posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MachineOf } from '../../config/machine';
import type { PlaceRecord } from '../../events/records';
import { runFolderThere } from '../../outpost/layout';
import type { Attempt, Executor, Order } from '../executor';
import type { Link } from '../remote/link';
import { Mirror, type Follower } from '../remote/mirror';
import { Sender } from '../remote/send';
import { SlurmAttempt, type AttemptWay } from './attempt';
import { Cluster, isAway } from './cluster';
import type { Forerunners } from './dependencies';
import { parseJob } from './jobs';
import { ClusterQueue, type PlacedJob } from './queue';
import { Submitter } from './submitter';

export interface SlurmOptions {
  /** Name of the machine. */
  readonly name: string;
  readonly machine: MachineOf<'slurm'>;
  /** To the login host; closed with the executor. */
  readonly link: Link;
  /** Of this machine, absolute. */
  readonly workspace: string;
  /** The runs of an experiment, for `executor.after`. */
  readonly forerunners: Forerunners;
}

/** Seconds between two looks, where the machine does not say. */
const POLL = 1;
/** Between two tries to find a job on a cluster that is away. */
const PAUSE_MS = 5000;

export function slurmExecutor({ name, machine, link, workspace, forerunners }: SlurmOptions): Executor & { close(): Promise<void> } {
  const pollMs = (machine.poll ?? POLL) * 1000;
  const cluster = new Cluster(link);
  const queue = new ClusterQueue({ login: cluster.login, pollMs });
  const mirror = new Mirror(link, { pollMs, collect: machine.collect });
  const sender = new Sender(link, workspace);
  const submitter = new Submitter({ name, link, cluster, sender, forerunners });

  const follow = (order: Order, placed: PlacedJob, from: PlaceRecord | null): Attempt => {
    const attempt = new SlurmAttempt({ order, machine: name, placed, queue, way: wayOf(order, placed), from });
    void attempt.end.then((end) => sender.hear(end));
    return attempt;
  };

  const wayOf = (order: Order, { job, folder }: PlacedJob): AttemptWay => {
    let follower: Follower | null = null;
    return {
      listen: (hear, failed) => (follower = mirror.follow(order, { word: hear, failed })),
      catchUp: async () => follower?.catchUp(),
      collect: async () => follower?.collect(),
      stop: () => follower?.stop(),
      askToCancel: async () => void (await link.call('end', { runId: order.runId, how: 'cancel' })),
      lastWords: async () => cluster.lastWords(folder, job.index, runFolderThere((await link.hello()).base, order.runId)),
    };
  };

  return {
    kind: 'slurm',
    machine: name,
    copies: 'there',
    start: async (order) => follow(order, await submitter.submit(order), null),
    async attach(order, place) {
      const placed = await placedOf(place, cluster, order.signal);
      return placed === null ? null : follow(order, placed, place);
    },
    close: () => Promise.resolve(link.close()),
  };
}

/** The job that a place record tells of; null where it never came to the cluster. A cluster that is away is waited for. */
async function placedOf({ job: named, facts }: PlaceRecord, cluster: Cluster, signal: AbortSignal): Promise<PlacedJob | null> {
  const { folder, index } = facts ?? {};
  if (folder === undefined) return null;
  const known = named === undefined ? null : parseJob(named);
  if (known !== null) return { job: known, folder };
  for (;;) {
    signal.throwIfAborted();
    try {
      const [{ name }, id] = [await cluster.facts(), await cluster.find(folder)];
      return id === null ? null : { job: { cluster: name, id, index: index === undefined || index === '' ? null : Number(index), token: posix.basename(folder) }, folder };
    } catch (error) {
      if (!isAway(error)) throw error;
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }
}
