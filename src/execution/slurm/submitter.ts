/** Hands runs to a cluster: those that come within a moment and are alike become one array. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { posix, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_FILES } from '../../events/manifest';
import type { OutpostOrder } from '../../outpost/layout';
import type { Order } from '../executor';
import type { Link } from '../remote/link';
import type { Sender } from '../remote/send';
import { secretsOf } from '../secrets';
import { isAway, type Cluster } from './cluster';
import { dependenciesOf, type Forerunners } from './dependencies';
import { Gatherer } from './gather';
import { formatJob, type JobName } from './jobs';
import { launchCommand, type SlurmConfig } from './launch';
import type { PlacedJob } from './queue';
import { batchScript } from './script';

const MOMENT = { quietMs: 200, mostMs: 3000 };
/** Between two tries where the controller does not answer. */
const PAUSE_MS = 5000;

export interface SubmitterOptions {
  /** Name of the machine. */
  readonly name: string;
  readonly link: Link;
  readonly cluster: Cluster;
  readonly sender: Sender;
  readonly forerunners: Forerunners;
}

interface Request {
  readonly order: Order;
  readonly executor: SlurmConfig;
  readonly resolve: (placed: PlacedJob) => void;
  readonly reject: (error: unknown) => void;
  /** From here on a run that is wanted no longer must be cancelled there. */
  isHanded: boolean;
}

interface Ready extends Request {
  readonly there: OutpostOrder;
}

export class Submitter {
  readonly #of: SubmitterOptions;
  readonly #gatherer = new Gatherer<Request>(MOMENT, (requests) => void this.#submit(requests));

  constructor(options: SubmitterOptions) {
    this.#of = options;
  }

  /** @returns its job, once the cluster has it; @throws RepriseError why it does not take it; what aborted the order */
  submit(order: Order): Promise<PlacedJob> {
    const executor = slurmOf(order);
    return new Promise((resolve, reject) => {
      const request: Request = { order, executor, resolve, reject, isHanded: false };
      order.signal.addEventListener('abort', () => request.isHanded || reject(order.signal.reason), { once: true });
      this.#gatherer.add(JSON.stringify([order.manifest.experiment, order.manifest.kind, executor]), request);
    });
  }

  async #submit(requests: readonly Request[]): Promise<void> {
    try {
      const { base } = await this.#of.link.hello();
      const ready = (await Promise.all(requests.map((request) => this.#ready(request, base)))).filter((request) => request !== null);
      const { largestArray } = await this.#patiently(ready, () => this.#of.cluster.facts());
      for (let from = 0; from < ready.length; from += largestArray) await this.#hand(ready.slice(from, from + largestArray), base);
    } catch (error) {
      for (const { reject } of requests) reject(error);
    }
  }

  /** Sends what a run needs; null where it cannot be had, or nobody wants the run any more. */
  async #ready(request: Request, base: string): Promise<Ready | null> {
    const { order, executor, reject } = request;
    try {
      if (!isWanted(request)) return null;
      const command = order.command === null ? null : { ...order.command, command: launchCommand(executor, order.command.command, [base]) };
      return Object.assign(request, { there: await this.#of.sender.ready({ ...order, command }, { ...executor.env, ...secretsOf(executor) }) });
    } catch (error) {
      reject(error);
      return null;
    }
  }

  async #hand(all: readonly Ready[], base: string): Promise<void> {
    const [first] = all;
    if (first === undefined) return;
    const { link, cluster, sender, forerunners } = this.#of;
    const { name } = await cluster.facts();
    const dependencies = await dependenciesOf(first.executor.after, name, forerunners, () => all.some(isWanted));
    const ready = all.filter(isWanted);
    const [one] = ready;
    if (one === undefined) return;
    for (const request of ready) request.isHanded = true;
    const token = randomBytes(8).toString('hex');
    const folder = posix.join(base, 'jobs', token);
    const [{ kit }, { aheadMs }] = [(await link.call('hello', {})).value, await link.hello()];
    const program = [posix.join(base, 'kit', kit, 'bin', 'node'), posix.join(base, 'kit', kit, 'outpost.js'), 'run'];
    const script = batchScript({ executor: one.executor, config: one.order.manifest.config, count: ready.length, dependencies, place: { folder, runs: posix.join(base, 'runs'), base, program } });
    const sha256 = createHash('sha256').update(script).digest('hex');
    await sender.place(ready);
    await Promise.all(
      ready.map(async ({ order }, index) => {
        await writeFile(join(order.runFolder, RUN_FILES.batchScript), script);
        // Told before the cluster has it: a host that dies now is followed by one that looks for the job.
        await this.#tell(order, null, { folder, script: sha256, index: ready.length > 1 ? String(index) : '', clockAheadMs: String(aheadMs) });
      }),
    );
    const id = await this.#patiently(ready, () => cluster.submit(folder, script, ready.map(({ order }) => order.runId)));
    await Promise.all(
      ready.map(async ({ order, resolve, reject }, index) => {
        const job: JobName = { cluster: name, id, index: ready.length > 1 ? index : null, token };
        await this.#tell(order, job, {}).then(() => resolve({ job, folder }), reject);
      }),
    );
  }

  #tell(order: Order, job: JobName | null, facts: Readonly<Record<string, string>>): Promise<void> {
    return order.tell({ type: 'place', event: 'submitted', attempt: order.attempt, executor: 'slurm', machine: this.#of.name, ...(job === null ? {} : { job: formatJob(job) }), ...(Object.keys(facts).length === 0 ? {} : { facts }) });
  }

  /** Tries again and again while the controller or the way to it is away, as long as somebody wants the runs. */
  async #patiently<T>(ready: readonly Ready[], ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!isAway(error) || !ready.some(isWanted)) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }
}

const isWanted = ({ order }: Request): boolean => !order.signal.aborted;

/** What the config of a run for a cluster says of it. */
export function slurmOf({ manifest }: Pick<Order, 'manifest'>): SlurmConfig {
  const { executor } = manifest.config;
  if (executor.kind === 'slurm') return executor;
  throw new Error(`A run for ${executor.kind} is not one for a cluster.`);
}
