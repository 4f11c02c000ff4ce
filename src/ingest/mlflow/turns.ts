/** One after the other for the same key: what is looked at before a write must still be so when it is written. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does the work after all that was given for the key before, however that ended. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }
}
