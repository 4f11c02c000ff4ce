/** How fast runs go here and how long they still take: measured over whole attempts, never over the latest chunk alone. */
import { placeOf } from '../config/facts';
import type { RunRow, Store } from '../store/types';
import { Spread, type CoresOf } from './spread';

/** Shorter measurements say more of starting up than of training. */
const SHORTEST_MEASUREMENT_MS = 1000;

/** What was seen of an attempt since its first step under this host. Times in milliseconds. */
interface Stretch {
  readonly attempt: number;
  readonly fromStep: number;
  readonly fromTime: number;
  steps: number;
  time: number;
}

/** What decides how long a run takes. */
interface Kind {
  /** Training graph, threads and place: runs that share them take the same time a step. */
  readonly work: string;
  /** Epochs, batch size, data and split: runs that share them have the same number of steps. */
  readonly length: string;
  readonly threads: number;
  /** As `placeOf` calls it. */
  readonly place: string;
}

interface Left extends Pick<Kind, 'threads' | 'place'> {
  readonly seconds: number;
}

/** Watches the runs of one host. What an earlier host measured is not known to it: a second of training tells. */
export class Pace {
  readonly #store: Store;
  readonly #stretches = new Map<string, Stretch>();
  readonly #kinds = new Map<string, Kind>();
  /** Seconds a step, by `Kind.work`. */
  readonly #measured = new Map<string, number>();
  /** Steps of a run, by `Kind.length`. */
  readonly #lengths = new Map<string, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @param now milliseconds since 1970 */
  see(row: RunRow, now: number = Date.now()): void {
    if (row.attempts === 0) return;
    if (row.status === 'running') this.#follow(row, now);
    const perStep = this.#secondsPerStep(row.runId);
    const kind = perStep === null && row.totalSteps === null ? null : this.#kindOf(row.runId);
    if (kind !== null) {
      if (perStep !== null) this.#measured.set(kind.work, perStep);
      if (row.totalSteps !== null) this.#lengths.set(kind.length, row.totalSteps);
    }
    if (row.status === 'running') return;
    this.#stretches.delete(row.runId);
    if (row.status !== 'queued' && row.status !== 'interrupted') this.#kinds.delete(row.runId);
  }

  /** Seconds left of a run that runs; null where it does not run, or has not run long enough to tell. An estimate. */
  secondsLeft(row: RunRow): number | null {
    if (row.status !== 'running' || row.totalSteps === null) return null;
    const perStep = this.#secondsPerStep(row.runId);
    return perStep === null ? null : (row.totalSteps - row.stepsDone) * perStep;
  }

  /**
   * Seconds until runs that share the cores of their places are all done: their work spread over the cores, but no less
   * than the longest of them. A training graph that was not measured yet takes the mean time a step of those that were.
   * Null where nothing was measured, or the number of a run's steps is not known yet. An estimate.
   */
  secondsLeftOfAll(rows: readonly RunRow[], coresOf: CoresOf): number | null {
    if (rows.length === 0 || this.#measured.size === 0) return null;
    const spread = new Spread(coresOf);
    for (const row of rows) {
      const left = this.#left(row);
      if (left === null) return null;
      spread.add(left.place, left.seconds, left.threads);
    }
    return spread.seconds;
  }

  #follow(row: RunRow, now: number): void {
    const known = this.#stretches.get(row.runId);
    if (known === undefined || known.attempt !== row.attempts || row.stepsDone < known.steps) {
      this.#stretches.set(row.runId, { attempt: row.attempts, fromStep: row.stepsDone, fromTime: now, steps: row.stepsDone, time: now });
    } else if (row.stepsDone > known.steps) {
      known.steps = row.stepsDone;
      known.time = now;
    }
  }

  #secondsPerStep(runId: string): number | null {
    const stretch = this.#stretches.get(runId);
    if (stretch === undefined || stretch.time - stretch.fromTime < SHORTEST_MEASUREMENT_MS) return null;
    return (stretch.time - stretch.fromTime) / 1000 / (stretch.steps - stretch.fromStep);
  }

  #left(row: RunRow): Left | null {
    const kind = this.#kindOf(row.runId);
    const total = row.totalSteps ?? (kind === null ? null : (this.#lengths.get(kind.length) ?? null));
    if (kind === null || total === null) return null;
    const perStep = this.#secondsPerStep(row.runId) ?? this.#measured.get(kind.work) ?? mean(this.#measured.values());
    return { seconds: Math.max(0, total - row.stepsDone) * perStep, threads: kind.threads, place: kind.place };
  }

  /** Null where the manifest cannot be read; what is wrong with it shows when the run is started. */
  #kindOf(runId: string): Kind | null {
    const known = this.#kinds.get(runId);
    if (known !== undefined) return known;
    try {
      const { config, data, trainingGraphHash } = this.#store.trainingManifest(runId);
      const { threads } = config.executor;
      const kind: Kind = {
        work: `${trainingGraphHash}/${threads}/${placeOf(config.executor)}`,
        length: JSON.stringify([config.training.epochs, config.training.steps, config.training.batchSize, data.fingerprint, config.data.split]),
        threads,
        place: placeOf(config.executor),
      };
      this.#kinds.set(runId, kind);
      return kind;
    } catch {
      return null;
    }
  }
}

function mean(values: Iterable<number>): number {
  const all = [...values];
  return all.reduce((sum, value) => sum + value, 0) / all.length;
}
