/** What the events of a run tell of its tasks: as much as is needed to say what stands still when an agent is hurt. */
export class RunTrack {
  /** Name of who drives it, by the last word of it. */
  driver: string;
  #total = 0;
  #settled = new Set<number>();
  /** By task, the name of the agent that has it; undefined: whoever drives the run. */
  #begun = new Map<number, string | undefined>();

  constructor(driver: string) {
    this.driver = driver;
  }

  planned(total: number): void {
    this.#total = total;
    // Whoever drives it now tells all of it anew.
    this.#settled = new Set();
    this.#begun = new Map();
  }

  started(task: number, at: string | undefined): void {
    this.#begun.set(task, at);
  }

  moved(task: number): void {
    this.#begun.delete(task);
  }

  settled(task: number): void {
    this.#settled.add(task);
    this.#begun.delete(task);
  }

  /** Tasks that are with this agent, which does not drive the run, and are not known to have ended. */
  awayAt(agent: string): readonly number[] {
    return [...this.#begun].filter(([, at]) => at === agent).map(([task]) => task);
  }

  /** Tasks that whoever drives it runs itself. */
  get own(): number {
    return [...this.#begun.values()].filter((at) => at === undefined).length;
  }

  /** Tasks nobody has begun. */
  get queued(): number {
    return this.#total - this.#settled.size - this.#begun.size;
  }
}
