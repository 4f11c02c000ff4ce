/** What this machine has for runs, shared by several schedulers: the workspace's queue, and what is executed apart from it. */
import type { ExecutorOf } from '../config/executor';
import { bytesOf } from '../config/facts';
import { RepriseError } from '../errors/errors';

/** What a run takes of this machine while it is under way. */
export interface Share {
  readonly cores: number;
  /** Bytes that are kept free for it; 0 where it does not say. Nobody holds it to them. */
  readonly memory: number;
  /** GPUs that it has for itself. */
  readonly gpus: number;
}

/** GPUs that runs may have for themselves. */
export interface Gpus {
  /** What programs call them by. */
  readonly ids: readonly string[];
  /** The variables by which programs see some of them, and no other. */
  readonly environment: (ids: readonly string[]) => Readonly<Record<string, string>>;
}

export interface MachineSize {
  /** At least 1; fractions are cut off. */
  readonly cores: number;
  /** Bytes; without end where it is not said. */
  readonly memory?: number;
  /** Asked once, when the first run wants one: drivers take their time. None by default. */
  readonly gpus?: () => Promise<Gpus>;
}

/** One who takes a share; its identity is its place in the line. */
export interface Claimant {
  /** Called when something is free that it may take: it takes what it can, or leaves the line. */
  readonly wake: () => void;
}

/** A share that was taken. */
export interface Lease {
  readonly share: Share;
  /** Ids of the GPUs it has. */
  readonly gpus: readonly string[];
  /** The variables by which its program sees them; empty where it has none. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What waits for a turn takes a core at least. */
const LEAST: Share = { cores: 1, memory: 0, gpus: 0 };
const NO_GPUS: Gpus = { ids: [], environment: () => ({}) };
const PARTS = ['cores', 'memory', 'gpus'] as const;

/** What a run of this machine takes. */
export function shareOf({ threads, memory, gpus = 0 }: ExecutorOf<'local'>): Share {
  return { cores: threads, memory: memory === undefined ? 0 : (bytesOf(memory) ?? 0), gpus };
}

/**
 * First come, first served: whoever finds too little free waits in line and holds what is free of what it asks for. Who
 * comes later takes what is left over, so nobody is delayed by another who came later, and no core lies idle because the
 * first waits for a GPU. A claim for more cores or memory than there is gets all of the machine; for more GPUs, a refusal.
 */
export class MachineBudget {
  readonly cores: number;
  readonly memory: number;
  readonly #findGpus: () => Promise<Gpus>;
  /** Null until they were asked for. */
  #gpus: Gpus | null = null;
  #asking: Promise<Gpus> | null = null;
  readonly #used = { cores: 0, memory: 0, gpus: 0 };
  readonly #gpusInUse = new Set<string>();
  readonly #line = new Map<Claimant, Share>();
  #isWaking = false;

  constructor(size: MachineSize | number) {
    const { cores, memory = Infinity, gpus = () => Promise.resolve(NO_GPUS) } = typeof size === 'number' ? { cores: size } : size;
    this.cores = Math.max(1, Math.floor(cores));
    this.memory = memory;
    this.#findGpus = gpus;
  }

  /** Cores in use. */
  get used(): number {
    return this.#used.cores;
  }

  /** Whether nothing could start, whatever it is. */
  get isFull(): boolean {
    return this.#used.cores >= this.cores;
  }

  /** Whether those in line hold all that is not in use. */
  get isSpokenFor(): boolean {
    return this.#heldBefore(null).cores + this.#used.cores >= this.cores;
  }

  /** What a worker of so many threads counts for. */
  costOf(threads: number): number {
    return Math.min(this.cores, threads);
  }

  /**
   * Takes a share; where that cannot be yet, the claimant stands in line with it and is woken.
   * @throws RepriseError GPUS_EXCEED_MACHINE
   */
  take(claimant: Claimant, share: Share): Lease | null {
    const wanted = this.#cut(share);
    const isKnown = this.#knowsEnough(wanted);
    if (isKnown) this.#refuseGpus(wanted.gpus);
    this.#line.set(claimant, wanted);
    if (!isKnown || !this.#fits(wanted, claimant)) return null;
    this.leave(claimant);
    return this.#grant(wanted);
  }

  /** Takes a share of what nobody in line waits for; null where there is too little of it. @throws RepriseError GPUS_EXCEED_MACHINE */
  takeBeside(share: Share): Lease | null {
    const wanted = this.#cut(share);
    if (!this.#knowsEnough(wanted)) return null;
    this.#refuseGpus(wanted.gpus);
    return this.#fits(wanted, null) ? this.#grant(wanted) : null;
  }

  /** Has a claimant woken that does not know yet what it will take. */
  wait(claimant: Claimant): void {
    if (!this.#line.has(claimant)) this.#line.set(claimant, LEAST);
  }

  /** Counts what is at work already, whether there is room or not. @param gpus ids of the GPUs it has */
  claim(share: Share, gpus: readonly string[]): Lease {
    return this.#grant({ ...this.#cut(share), gpus: gpus.length }, gpus);
  }

  /** Gives back what was taken. */
  free({ share, gpus }: Lease): void {
    for (const part of PARTS) this.#used[part] -= share[part];
    for (const id of gpus) this.#gpusInUse.delete(id);
    this.#wake();
  }

  /** Takes a claimant out of the line: it wants nothing now. */
  leave(claimant: Claimant): void {
    if (this.#line.delete(claimant)) this.#wake();
  }

  /** Refuses what this machine will never have room for. @throws RepriseError MEMORY_EXCEEDS_MACHINE, GPUS_EXCEED_MACHINE */
  async refuseBeyond({ memory, gpus }: Share): Promise<void> {
    if (memory > this.memory) {
      throw new RepriseError('MEMORY_EXCEEDS_MACHINE', `executor.memory is ${gibibytes(memory)}, but this machine has ${gibibytes(this.memory)}.`, {
        kind: 'input',
        hint: 'Ask for less memory, or name a machine that has more.',
      });
    }
    if (gpus === 0) return;
    await this.#askForGpus();
    this.#refuseGpus(gpus);
  }

  #refuseGpus(wanted: number): void {
    const there = this.#gpus?.ids.length ?? 0;
    if (wanted === 0 || wanted <= there) return;
    throw new RepriseError('GPUS_EXCEED_MACHINE', `executor.gpus is ${wanted}, but ${there === 0 ? 'there is no GPU here that a run could have for itself' : `runs may use ${there} GPU${there === 1 ? '' : 's'} here`}.`, {
      kind: 'input',
      hint: there === 0 ? 'Leave executor.gpus out, or name a machine that has GPUs; `reprise doctor` shows those that were found.' : `Set executor.gpus to at most ${there}; CUDA_VISIBLE_DEVICES of this process limits them, too.`,
    });
  }

  /** Starts to ask where it matters; who waits is woken by the answer. */
  #knowsEnough({ gpus }: Share): boolean {
    if (gpus === 0 || this.#gpus !== null) return true;
    void this.#askForGpus().then(() => this.#wake());
    return false;
  }

  async #askForGpus(): Promise<void> {
    // Without an answer there is none.
    this.#asking ??= this.#findGpus().catch(() => NO_GPUS);
    this.#gpus = await this.#asking;
  }

  #cut({ cores, memory, gpus }: Share): Share {
    return { cores: this.costOf(cores), memory: Math.min(this.memory, memory), gpus };
  }

  #fits(wanted: Share, claimant: Claimant | null): boolean {
    const held = this.#heldBefore(claimant);
    const all = { cores: this.cores, memory: this.memory, gpus: this.#gpus?.ids.length ?? 0 };
    return PARTS.every((part) => wanted[part] === 0 || this.#used[part] + held[part] + wanted[part] <= all[part]);
  }

  /** What those in line before a claimant ask for; null: all in line. */
  #heldBefore(claimant: Claimant | null): Share {
    const held = { cores: 0, memory: 0, gpus: 0 };
    for (const [other, share] of this.#line) {
      if (other === claimant) break;
      for (const part of PARTS) held[part] += share[part];
    }
    return held;
  }

  #grant(share: Share, gpus: readonly string[] = this.#freeGpus(share.gpus)): Lease {
    for (const part of PARTS) this.#used[part] += share[part];
    for (const id of gpus) this.#gpusInUse.add(id);
    return { share, gpus, environment: gpus.length === 0 ? {} : (this.#gpus ?? NO_GPUS).environment(gpus) };
  }

  #freeGpus(count: number): string[] {
    return (this.#gpus?.ids ?? []).filter((id) => !this.#gpusInUse.has(id)).slice(0, count);
  }

  /** Later, so that nobody is woken in the middle of its own work; in the order of the line. */
  #wake(): void {
    if (this.#isWaking || this.#line.size === 0) return;
    this.#isWaking = true;
    queueMicrotask(() => {
      this.#isWaking = false;
      // Those who come while they are woken have their turn then.
      const waiting = [...this.#line.keys()];
      for (const claimant of waiting) if (this.#line.has(claimant) && !this.isFull) claimant.wake();
    });
  }
}

function gibibytes(bytes: number): string {
  return `${Number((bytes / 2 ** 30).toFixed(1))} GiB`;
}
