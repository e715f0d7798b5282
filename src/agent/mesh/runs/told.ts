/** What is worth the log of what this member does with runs of the mesh. */
export type RunTold =
  | { readonly kind: 'taken' | 'lost' | 'released' | 'secured'; readonly run: string }
  | { readonly kind: 'untaken' | 'untold' | 'unsecured'; readonly run: string; readonly code: string; readonly message: string }
  /** Something that others wrote cannot be read. */
  | { readonly kind: 'refused'; readonly message: string };
