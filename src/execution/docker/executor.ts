/** Docker Engine as an executor: an attempt is a container, whose main process is the program itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from 'dockerode';
import type { NewRecord, PlaceRecord } from '../../events/records';
import type { Attempt, Executor, Order } from '../executor';
import { ANSWER_MS, ContainerAttempt } from './attempt';
import { carrierOf, type Carrier } from './carrier';
import { engineFacts, engineOf, type DockerOptions, type Engine } from './client';
import { containerOptions, dockerConfigOf, LABELS } from './container';
import { imageFor } from './image-for';
import { contentsOf, isCancelled, jobFor, writableShares } from './job';
import { containerOf, factsOf, knownOf, nameOf, type Known } from './known';
import { removeLeftovers } from './leftovers';
import { containerUser, openTo, takeBack } from './ownership';
import { dockerProblem, isAbort, isGone, isOutOfReach, wordsOf } from './problems';
import { startProblem } from './start-problem';

/** Between two looks for an engine that is away. */
const PAUSE_MS = 1000;

/** What goes on with an attempt that has a container. */
interface Begun {
  readonly order: Order;
  readonly container: Container;
  readonly carrier: Carrier;
  readonly known: Known;
}

export class DockerExecutor implements Executor {
  readonly kind = 'docker';
  readonly copies = 'here';
  readonly #options: DockerOptions;
  #engine: Engine | null = null;

  constructor(options: DockerOptions) {
    this.#options = options;
  }

  get machine(): string | null {
    return this.#options.name;
  }

  /** @throws RepriseError DOCKER_…, IMAGE_…, VOLUME_…, COMMAND_NOT_FOUND, COMMAND_NOT_STARTED, GPU_UNAVAILABLE */
  async start(order: Order): Promise<Attempt> {
    const config = dockerConfigOf(order);
    const engine = this.#reach();
    const facts = await engineFacts(engine);
    await removeLeftovers(engine, order);
    const image = await imageFor(engine, order, this.#options.kit);
    const user = containerUser(config.user, facts);
    const job = await jobFor(order, { isHere: engine.isHere, givesHome: user.isCaller });
    const carrier = await carrierOf(engine, job.shares, user.owner);
    if (engine.isHere && !user.isCaller) await openTo(job.shares.filter(({ writable }) => writable).map((share) => share.path));
    order.signal.throwIfAborted();

    const labels = { [LABELS.run]: order.runId, [LABELS.attempt]: String(order.attempt), [LABELS.workspace]: order.workspace };
    const plan = { ...job, image: image.id, user: user.name, ownIds: facts.isRemapped && engine.isHere, mounts: [...carrier.mounts, ...job.volumes], labels };
    const leased = order.lease?.gpus ?? [];
    const container = await engine.docker.createContainer(containerOptions(plan, leased.length === 0 ? config : { ...config, gpus: [...leased] })).catch((error: unknown) => {
      throw dockerProblem(error, engine.address, 'The container could not be made');
    });
    const told = { ...factsOf(image, facts, job.limits), ...(leased.length === 0 ? {} : { gpus: leased.join(',') }) };
    try {
      await order.tell(this.#record(order, 'submitted', { job: nameOf(container.id, facts), node: facts.name, facts: told }));
      await carrier.send(container);
      await container.start();
    } catch (error) {
      await container.remove({ force: true, v: true }).catch(() => undefined);
      throw startProblem(error, engine.address, job.command[0] ?? '', image.name);
    }
    const started = { startedAt: String(Date.now()) };
    await order.tell(this.#record(order, 'started', { facts: started }));
    return this.#attempt(engine, { order, container, carrier, known: knownOf({ ...told, ...started }) });
  }

  /** An engine that is away is waited for. @throws RepriseError DOCKER_… where it does not tell of the container; what aborted the order */
  async attach(order: Order, left: PlaceRecord): Promise<Attempt | null> {
    const id = containerOf(left);
    if (id === null) return null;
    const engine = this.#reach();
    const container = engine.docker.getContainer(id);
    if (left.event === 'ended') {
      // All that it wrote was here before its end was told; the host may have died before it removed it.
      await container.remove({ force: true, v: true }).catch(() => undefined);
      return null;
    }
    const facts: Record<string, string> = { ...left.facts };
    if (facts['startedAt'] === undefined) {
      const status = await this.#statusOf(engine, order, container);
      if (status === 'created') await container.remove({ force: true, v: true });
      if (status === null || status === 'created') return null;
      facts['startedAt'] = String(Date.now());
      await order.tell(this.#record(order, 'started', { facts: { startedAt: facts['startedAt'] } }));
    }
    const carrier = await carrierOf(engine, writableShares(order), { uid: 0, gid: 0 });
    return this.#attempt(engine, { order, container, carrier, known: knownOf(facts) });
  }

  /** Lets go of the connection. */
  close(): Promise<void> {
    this.#engine?.close();
    this.#engine = null;
    return Promise.resolve();
  }

  #reach(): Engine {
    this.#engine ??= engineOf(this.#options);
    return this.#engine;
  }

  #record({ attempt }: Order, event: PlaceRecord['event'], more: Partial<PlaceRecord>): NewRecord {
    return { type: 'place', event, attempt, executor: this.kind, machine: this.machine, ...more };
  }

  /** Null where there is no such container any more. An engine that is away is waited for, as long as somebody wants the run. */
  async #statusOf({ address }: Engine, order: Order, container: Container): Promise<string | null> {
    for (let isLost = false; ; ) {
      if (order.signal.reason === 'cancelled') await order.tell({ type: 'message', level: 'warning', text: `Docker Engine at ${address} did not answer when the run was cancelled: its container may go on.` });
      order.signal.throwIfAborted();
      try {
        const status = await statusOf(container);
        if (isLost) await order.tell(this.#record(order, 'found', {}));
        return status;
      } catch (error) {
        if (!isOutOfReach(error) && !isAbort(error)) throw dockerProblem(error, address, 'The container of the run could not be looked up');
        if (!isLost) await order.tell(this.#record(order, 'lost', { reason: wordsOf(error) }));
        isLost = true;
        await sleep(PAUSE_MS, undefined, { signal: order.signal }).catch(() => undefined);
      }
    }
  }

  #attempt(engine: Engine, begun: Begun): Attempt {
    const { order, container, known } = begun;
    const { timeLimitMs, graceMs, startedAt } = known;
    const isCancelledNow = (): boolean => isCancelled(order);
    const contents = contentsOf({ ...begun, isWanted: () => !isCancelledNow() && !order.signal.aborted, takeBack: () => this.#takeBack(engine, begun) });
    return new ContainerAttempt({
      engine,
      container,
      contents,
      timeLeftMs: timeLimitMs === undefined ? null : timeLimitMs - (Date.now() - (startedAt ?? Date.now())),
      graceMs,
      isCancelled: isCancelledNow,
      place: (event, more = {}) => order.tell(this.#record(order, event, more)),
      tell: (level, text) => order.tell({ type: 'message', level, text }),
    });
  }

  async #takeBack(engine: Engine, { order, known }: Begun): Promise<void> {
    if (!engine.isHere) return;
    const folders = writableShares(order).map((share) => share.path);
    if (await takeBack(engine, known.imageId, folders)) return;
    await order.tell({ type: 'message', level: 'warning', text: `Some files that the container wrote belong to another user, and its image has no \`chown\` to give them back: they are in ${folders.join(', ')}.` });
  }
}

/** Null where there is no such container any more. */
async function statusOf(container: Container): Promise<string | null> {
  try {
    return (await container.inspect({ abortSignal: AbortSignal.timeout(ANSWER_MS) })).State.Status;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
