/** How far a resource is. */
export type FetchProgress =
  | { readonly kind: 'begun'; readonly rsc: string }
  /** It is asked for from the start: what came before is of no use. */
  | { readonly kind: 'asked'; readonly rsc: string }
  /** `bytes` more came from a place; `size` is how many there will be, as that says, if it is known. */
  | { readonly kind: 'bytes'; readonly rsc: string; readonly place: string; readonly bytes: number; readonly size: number | undefined }
  | { readonly kind: 'failed'; readonly rsc: string }
  | {
      readonly kind: 'fetched';
      readonly rsc: string;
      readonly place: string;
      readonly size: number;
      readonly seconds: number;
      readonly blob: string;
      readonly isVerified: boolean;
    };
