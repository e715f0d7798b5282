/** Something of a home that is not as it was left. */
export interface Damage {
  /** What is damaged, for people. */
  readonly name: string;
  readonly problem: string;
  /** What becomes of it. */
  readonly next: string;
}
