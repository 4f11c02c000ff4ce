/** A machine that is reached over SSH as an executor: an outpost there carries an attempt out, whether anybody listens or not. */
import { posix } from 'node:path';
import type { ExecutorOf } from '../../config/executor';
import type { MachineOf } from '../../config/machine';
import { RepriseError } from '../../errors/errors';
import { runFolderThere } from '../../outpost/layout';
import type { Attempt, Executor, Order } from '../executor';
import { gpusToGive } from '../local/gpus';
import { secretsOf } from '../secrets';
import type { Gpus } from '../machine-budget';
import { patiently, type Link } from '../remote/link';
import { Mirror } from '../remote/mirror';
import { Sender } from '../remote/send';
import { prologueOf } from '../remote/shell';
import { SshAttempt } from './attempt';

export interface SshOptions {
  /** Name of the machine. */
  readonly name: string;
  readonly machine: Pick<MachineOf<'ssh'>, 'poll' | 'collect'>;
  /** Closed with the executor. */
  readonly link: Link;
  /** Of this machine, absolute. */
  readonly workspace: string;
}

/** Seconds between two looks, where the machine does not say. */
const POLL = 1;
/** From here on the clocks of two machines differ by more than a network explains. */
const SKEWED_MS = 5000;

export function sshExecutor({ name, machine, link, workspace }: SshOptions): Executor & { close(): Promise<void> } {
  const mirror = new Mirror(link, { pollMs: (machine.poll ?? POLL) * 1000, collect: machine.collect });
  const sender = new Sender(link, workspace);
  const gpus = new GpuSlots(link);
  const place = { type: 'place', executor: 'ssh', machine: name } as const;

  const follow = (order: Order, ids: readonly string[], hasStarted: boolean): Attempt => {
    const attempt = new SshAttempt({ order, machine: name, link, mirror, hasStarted });
    void attempt.end.then((end) => {
      sender.hear(end);
      if (end !== 'detached') gpus.free(ids);
    });
    return attempt;
  };

  /** However often it is asked and the answer lost, once for each attempt. @returns false where there is nothing to start */
  const begin = async ({ runId, signal }: Order, executor: ExecutorOf<'ssh'>): Promise<boolean> => {
    try {
      const ask = (): Promise<unknown> => whileWanted(signal, link.call('start', { runId, prologue: prologueOf(executor) }));
      if (!(await patiently(() => !signal.aborted, ask))) throw signal.reason;
      return true;
    } catch (error) {
      // It may have been started all the same.
      if (signal.reason === 'cancelled') void link.call('end', { runId, how: 'kill' }).catch(() => undefined);
      if (error instanceof RepriseError && error.code === 'ORDER_MISSING') return false;
      throw error;
    }
  };

  return {
    kind: 'ssh',
    machine: name,
    copies: 'there',
    async start(order) {
      const executor = sshConfigOf(order);
      const { base, host, aheadMs } = await whileWanted(order.signal, link.hello());
      const devices = await gpus.take(executor.gpus ?? 0, name);
      try {
        const there = await whileWanted(order.signal, sender.ready(order, { ...executor.env, ...secretsOf(executor), ...devices.environment }));
        // From here on a later host looks there for it.
        await order.tell({
          ...place,
          event: 'submitted',
          attempt: order.attempt,
          job: posix.join(host, order.runId),
          facts: { folder: runFolderThere(base, order.runId), clockAheadMs: String(aheadMs), ...(devices.ids.length === 0 ? {} : { gpus: devices.ids.join(',') }) },
        });
        if (Math.abs(aheadMs) >= SKEWED_MS) await order.tell({ type: 'message', level: 'warning', text: `The clock of ${name} is ${(Math.abs(aheadMs) / 1000).toFixed(0)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the one here; times are told by the one here.` });
        if (executor.memory !== undefined) await order.tell({ type: 'message', level: 'info', text: `${name} is not asked to keep the run below ${executor.memory}: over SSH nothing there enforces it.` });
        await sender.place([{ order, there }]);
        await begin(order, executor);
        return follow(order, devices.ids, false);
      } catch (error) {
        gpus.free(devices.ids);
        throw error;
      }
    },
    async attach(order, { facts }) {
      const ids = facts?.['gpus']?.split(',') ?? [];
      const hasStarted = facts?.['pid'] !== undefined;
      // The host before may have ended in between.
      if (!hasStarted && !(await begin(order, sshConfigOf(order)))) return null;
      gpus.claim(ids);
      return follow(order, ids, hasStarted);
    },
    close: () => Promise.resolve(link.close()),
  };
}

/** What is sent for many runs goes on being sent when one of them is wanted no longer. */
function whileWanted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

function sshConfigOf({ manifest }: Order): ExecutorOf<'ssh'> {
  const { executor } = manifest.config;
  if (executor.kind !== 'ssh') throw new Error('The run goes to no machine over SSH.');
  return executor;
}

/** The GPUs of a machine, of which each run of this workspace gets its own. */
class GpuSlots {
  readonly #link: Link;
  #gpus: Promise<Gpus> | null = null;
  readonly #taken = new Set<string>();

  constructor(link: Link) {
    this.#link = link;
  }

  /** @throws RepriseError GPUS_MISSING where as many are not there, or not free */
  async take(count: number, machine: string): Promise<{ readonly ids: readonly string[]; readonly environment: Readonly<Record<string, string>> }> {
    if (count === 0) return { ids: [], environment: {} };
    const gpus = await this.#all();
    const ids = gpus.ids.filter((id) => !this.#taken.has(id)).slice(0, count);
    if (ids.length < count) {
      throw new RepriseError('GPUS_MISSING', `executor.gpus is ${count}, but ${machine} has ${gpus.ids.length} that runs can have${gpus.ids.length >= count ? `, of which ${ids.length} are free` : ''}.`, { kind: 'input', hint: 'Ask for fewer, or let fewer runs be there at once (`mostRuns` of the machine).' });
    }
    this.claim(ids);
    return { ids, environment: gpus.environment(ids) };
  }

  claim(ids: readonly string[]): void {
    for (const id of ids) this.#taken.add(id);
  }

  free(ids: readonly string[]): void {
    for (const id of ids) this.#taken.delete(id);
  }

  #all(): Promise<Gpus> {
    this.#gpus ??= this.#link.call('facts', {}).then(
      ({ value }) => gpusToGive(value.machine.gpus, {}),
      (error: unknown) => {
        this.#gpus = null;
        throw error;
      },
    );
    return this.#gpus;
  }
}
