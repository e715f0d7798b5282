import wabt from 'wabt';

/** Small WASI commands for what no guest in `guests/` does. */

const assembler = await wabt();

function compile(imports: string, body: string): Uint8Array {
  const module = assembler.parseWat('guest.wat', `(module ${imports} (memory (export "memory") 4) (func (export "_start") ${body}))`);
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

function wasi(name: string, parameters: string, result = '(result i32)'): string {
  return `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${parameters}) ${result}))`;
}

const WRITE = wasi('fd_write', 'i32 i32 i32 i32');

/** Writes `length` bytes at `at` to a descriptor. */
const write = (descriptor: number, at: string, length: string): string => `
  (i32.store (i32.const 16) ${at}) (i32.store (i32.const 20) ${length})
  (drop (call $fd_write (i32.const ${descriptor}) (i32.const 16) (i32.const 1) (i32.const 24)))`;

/** Prints its environment, each variable ended by a NUL. */
export const PRINT_ENV = compile(
  WRITE + wasi('environ_sizes_get', 'i32 i32') + wasi('environ_get', 'i32 i32'),
  `(drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
   (drop (call $environ_get (i32.const 1024) (i32.const 4096)))
   ${write(1, '(i32.const 4096)', '(i32.load (i32.const 4))')}`,
);

/** Copies the first 64 KiB of stdin to stdout, says `done` on stderr, and exits with 3. */
export const ECHO = compile(
  `${WRITE}${wasi('fd_read', 'i32 i32 i32 i32')}${wasi('proc_exit', 'i32', '')}(data (i32.const 64) "done\\0A")`,
  `(i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 65536))
   (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
   ${write(1, '(i32.const 65536)', '(i32.load (i32.const 8))')}
   ${write(2, '(i32.const 64)', '(i32.const 5)')}
   (call $proc_exit (i32.const 3))`,
);

/** Prints 16 random bytes. */
export const RANDOM = compile(
  WRITE + wasi('random_get', 'i32 i32'),
  `(drop (call $random_get (i32.const 64) (i32.const 16))) ${write(1, '(i32.const 64)', '(i32.const 16)')}`,
);

/** Makes or empties the file its first argument names, relative to its root, and writes `new` into it; exits with the errno. */
export const OVERWRITE = compile(
  `${WRITE}${wasi('args_sizes_get', 'i32 i32')}${wasi('args_get', 'i32 i32')}${wasi('proc_exit', 'i32', '')}
   ${wasi('path_open', 'i32 i32 i32 i32 i32 i64 i64 i32 i32')}(data (i32.const 64) "new")`,
  `(local $at i32) (local $errno i32)
   (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
   (drop (call $args_get (i32.const 128) (i32.const 4096)))
   (local.set $at (i32.load (i32.const 132)))
   (local.set $errno (call $path_open (i32.const 3) (i32.const 0) (local.get $at)
     (i32.sub (i32.sub (i32.add (i32.const 4096) (i32.load (i32.const 4))) (local.get $at)) (i32.const 1))
     (i32.const 9) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 8)))
   (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
   (i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (i32.const 3))
   (drop (call $fd_write (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i32.const 24)))`,
);

/** Writes 100,000 times `x`, more than travels inline. */
export const LONG_TEXT = compile(
  WRITE,
  `(memory.fill (i32.const 65536) (i32.const 120) (i32.const 100000)) ${write(1, '(i32.const 65536)', '(i32.const 100000)')}`,
);

/** Says `said`, leaves a link `away` to `../../elsewhere`, and exits with 3 if it was given an argument. */
export const LINK_OUT = compile(
  `${WRITE}${wasi('path_symlink', 'i32 i32 i32 i32 i32')}${wasi('args_sizes_get', 'i32 i32')}${wasi('proc_exit', 'i32', '')}
   (data (i32.const 64) "said\\0A../../elsewhereaway")`,
  `${write(1, '(i32.const 64)', '(i32.const 5)')}
   (drop (call $path_symlink (i32.const 69) (i32.const 15) (i32.const 3) (i32.const 84) (i32.const 4)))
   (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
   (if (i32.gt_u (i32.load (i32.const 0)) (i32.const 1)) (then (call $proc_exit (i32.const 3))))`,
);

/** Says `hello` and a line break, and never ends. */
export const HELLO_FOR_EVER = compile(
  `${WRITE} (data (i32.const 64) "hello\\0a")`,
  `${write(1, '(i32.const 64)', '(i32.const 6)')} (loop $l (br $l))`,
);

/** Imports what is not there, by names so long that its failure is a kilobyte and a half. */
export const MANY_MISSING = compile(Array.from({ length: 10 }, (_, i) => `(import "m" "${'n'.repeat(150)}${i}" (func))`).join(' '), '');
