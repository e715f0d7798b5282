import { findOffer } from '../component/host-interface.ts';
import { INTERFACES } from '../wasi2/interfaces.ts';

/** Whether Docket offers the interface, by its full name: `wasi:io/poll@0.2.0`. Functions imported by themselves are nobody's to offer. */
export function isOffered(name: string): boolean {
  return findOffer(INTERFACES, name) !== undefined;
}
