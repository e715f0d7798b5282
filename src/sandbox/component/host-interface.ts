import type { ResourceType } from './handles.ts';

/**
 * Interfaces that the host offers to components. `System` is what the calls work on, one for each task. A component says of all it imports which type it
 * takes it to have; only one that is the same, written out, is linked.
 */
export interface HostInterface<System> {
  /** With the versions it is offered in: `wasi:io/poll` in 0.2.x. */
  readonly name: string;
  readonly accepts: (version: string | undefined) => boolean;
  /** What there is to know of it before it is used. */
  readonly note?: string;
  readonly resources: Readonly<Record<string, ResourceType>>;
  /** `type` as `signatureText` writes it: `func(u64) -> list<u8>`. */
  readonly functions: Readonly<Record<string, HostFunction<System>>>;
}

export interface HostFunction<System> {
  /** Undefined: any, for a function that never returns. */
  readonly type: string | undefined;
  readonly call: (system: System, ...args: never[]) => unknown;
}

/** What the planning of a component needs of them. */
export type Offer = readonly Pick<HostInterface<never>, 'name' | 'accepts' | 'resources' | 'functions'>[];

/** `ns:package/interface@version` in two. */
export function splitVersion(name: string): { readonly base: string; readonly version: string | undefined } {
  const at = name.indexOf('@');
  return at < 0 ? { base: name, version: undefined } : { base: name.slice(0, at), version: name.slice(at + 1) };
}

export function findOffer<O extends Pick<HostInterface<never>, 'name' | 'accepts'>>(offer: readonly O[], name: string): O | undefined {
  const { base, version } = splitVersion(name);
  return offer.find((each) => each.name === base && each.accepts(version));
}
