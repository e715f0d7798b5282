/**
 * One thing looked at: what, and what is wrong with it. `absent` is no fault: what a receipt names may have been collected. Nor is `unchecked`: what Docket
 * carries and knows no way to judge.
 */
export interface Check {
  readonly what: string;
  readonly state: 'good' | 'bad' | 'absent' | 'unchecked';
  readonly message?: string;
}

/** Something of a home that was looked at, and what is wrong with it, if anything is. */
export interface Looked {
  readonly kind: 'structure' | 'blob' | 'receipt' | 'key' | 'run' | 'task' | 'manifest' | 'token' | 'alias';
  readonly damage?: Damage;
}

export interface Damage {
  /** What is damaged, for people. */
  readonly name: string;
  readonly problem: string;
  /** What becomes of it. */
  readonly next: string;
}
