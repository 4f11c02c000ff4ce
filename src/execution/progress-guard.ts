/** Tells a run that dies again and again at the same place from one that was merely interrupted. */

/** Attempts in a row without progress after which a run has failed. */
const FRUITLESS_ATTEMPTS = 3;

interface Reached {
  readonly steps: number;
  readonly checkpoint: number;
  readonly fruitless: number;
}

export class ProgressGuard {
  readonly #reached = new Map<string, Reached>();

  /** Notes where a run stands before its first attempt under this host. */
  begin(runId: string, stepsDone: number): void {
    if (!this.#reached.has(runId)) this.#reached.set(runId, { steps: stepsDone, checkpoint: 0, fruitless: 0 });
  }

  /**
   * Notes the death of an attempt; true when too many in a row got no further than any before them, neither in steps
   * nor in checkpoints.
   */
  died(runId: string, stepsDone: number, checkpointStep: number): boolean {
    const before = this.#reached.get(runId) ?? { steps: 0, checkpoint: 0, fruitless: 0 };
    const further = stepsDone > before.steps || checkpointStep > before.checkpoint;
    const fruitless = further ? 0 : before.fruitless + 1;
    this.#reached.set(runId, { steps: Math.max(stepsDone, before.steps), checkpoint: Math.max(checkpointStep, before.checkpoint), fruitless });
    return fruitless >= FRUITLESS_ATTEMPTS;
  }

  forget(runId: string): void {
    this.#reached.delete(runId);
  }
}
