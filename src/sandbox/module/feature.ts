/** Features let in beyond the first version of WebAssembly. Bits, so that walking a body costs one `or` an instruction. */
export const SIGN_EXTENSION = 1;
export const SATURATING = 1 << 1;
export const BULK_MEMORY = 1 << 2;
export const REFERENCE_TYPES = 1 << 3;
export const MULTI_VALUE = 1 << 4;
export const SIMD = 1 << 5;
export const MUTABLE_GLOBALS = 1 << 6;
export const TAIL_CALL = 1 << 7;
export const EXTENDED_CONST = 1 << 8;
export const EXCEPTIONS = 1 << 9;
export const LEGACY_EXCEPTIONS = 1 << 10;

const NAMES: readonly (readonly [number, string])[] = [
  [BULK_MEMORY, 'bulk-memory'],
  [EXCEPTIONS, 'exceptions'],
  [EXTENDED_CONST, 'extended-const'],
  [LEGACY_EXCEPTIONS, 'legacy-exceptions'],
  [MULTI_VALUE, 'multi-value'],
  [MUTABLE_GLOBALS, 'mutable-globals'],
  [SATURATING, 'nontrapping-float-to-int'],
  [REFERENCE_TYPES, 'reference-types'],
  [SIGN_EXTENSION, 'sign-extension'],
  [SIMD, 'simd'],
  [TAIL_CALL, 'tail-call'],
];

export function featureNames(bits: number): string[] {
  return NAMES.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

/** Features refused, as the messages name them. */
export const GC = 'garbage collection (GC)';
export const TYPED_REFERENCES = 'typed function references';
export const MULTI_MEMORY = 'multiple memories (multi-memory)';
export const MEMORY64 = '64-bit memories or tables (memory64)';
export const THREADS = 'threads (shared memory, atomics)';
export const RELAXED_SIMD = 'relaxed SIMD';
export const HALF_PRECISION = 'half precision floats';
export const STRINGREF = 'stringref';
export const PAGE_SIZES = 'custom page sizes';
export const STACK_SWITCHING = 'stack switching';
export const WIDE_ARITHMETIC = 'wide arithmetic';
export const MEMORY_CONTROL = 'memory control';
/** Exceptions kept by reference live outside of every memory limit, so they may only stand on the stack. */
export const STORED_EXCEPTIONS = 'stored exception references (exnref)';
