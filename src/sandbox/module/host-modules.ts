/** Names that are the host's to give imports under; no module can stand in for them. */

/** A memory that a module defined, see `prepare`. */
export const DOCKET = 'docket';
/** The counters of metered code. Modules import nothing from here by themselves. */
export const METERING = 'docket:metering';

const HOST_MODULES: ReadonlySet<string> = new Set(['wasi_snapshot_preview1', DOCKET, METERING]);

/** Whether imports from this module are for the host alone to give. */
export function isOfHost(module: string): boolean {
  return HOST_MODULES.has(module);
}
