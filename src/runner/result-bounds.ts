/** Bytes of a value that is returned: whoever takes it as an argument has it in memory. */
export const MOST_RESULT = 32 << 20;
