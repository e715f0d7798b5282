/** Whose turn it is to gather several slots of a home for one task: one run of a process at a time, or each would hold what the other lacks. */
export class GatherTurns {
  #holder: object | undefined;
  readonly #waiting = new Map<object, () => void>();

  /** Whether it is `holder`'s turn now. If not, `wake` is called when it may be. */
  take(holder: object, wake: () => void): boolean {
    if (this.#holder !== undefined && this.#holder !== holder) {
      this.#waiting.set(holder, wake);
      return false;
    }
    this.#holder = holder;
    this.#waiting.delete(holder);
    return true;
  }

  /** Also of one that only waited for its turn. */
  end(holder: object): void {
    this.#waiting.delete(holder);
    if (this.#holder !== holder) return;
    this.#holder = undefined;
    // Whoever asks first has it, and who has waited longest is called first.
    for (const wake of [...this.#waiting.values()]) wake();
  }
}
