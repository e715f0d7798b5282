/** Bytes of a value that is returned: it crosses a pipe and stands in a receipt. */
export const MOST_RESULT = 32 << 20;

/**
 * Values in it, each item of a list and each key and value of a map being one. Whoever reads a receipt builds them all, and a list that is one byte in it may take
 * hundreds of times that in memory.
 */
export const MOST_VALUES = 1_000_000;
