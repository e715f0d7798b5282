/** Bytes of the binary of one module. Making one ready takes some six times as much memory. */
export const MOST_MODULE_BYTES = 256 << 20;

/** Bytes of binary a slot process keeps compiled, beside the newest module. */
export const CACHED_MODULE_BYTES = 64 << 20;
