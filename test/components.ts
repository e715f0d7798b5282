import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco-transpile/wasm-tools';

/** Components for tests, made of WebAssembly text by the tools that others make theirs with. */

export interface Made {
  readonly component: Uint8Array;
  /** The core module it was made of, which says in a section of its own which world it is for. */
  readonly core: Uint8Array;
}

/** A bump allocator, which every guest that is given strings or lists needs. */
export const REALLOC = `
  (global $next (mut i32) (i32.const 65536))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
      (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))) (then unreachable)))
    (local.get $at))`;

/** `world`: what stands in the world of package `test:guest`. `packages`: WIT of the packages it imports from. */
export async function make(wat: string, world: string, packages = ''): Promise<Made> {
  const core = await embed(wat, world, packages);
  return { core, component: await componentNew(core) };
}

/** The core module alone. */
export async function embed(wat: string, world: string, packages = ''): Promise<Uint8Array> {
  const witSource = `package test:guest@1.0.0; ${world.includes('world ') ? world : `world guest { ${world} }`} ${packages}`;
  return componentEmbed({ binary: await parse(wat), witSource, world: 'guest' });
}

/** A component in WebAssembly text. */
export function componentText(text: string): Promise<Uint8Array> {
  return parse(text);
}

export const LOGGING = `package wasi:logging { interface logging {
  enum level { trace, debug, info, warn, error, critical }
  log: func(level: level, context: string, message: string);
} }`;

export const helpers = (version: string): string => `package homestar:host@${version} { interface helpers {
  record time { seconds: u64, milliseconds: u32, nanoseconds: u32 }
  get-current-time: func() -> time;
  print: func(message: string);
} }`;

/** As much of WASI 0.2 as the tests use, in the words of its specification. */
export const wasi = (version: string): string => `
package wasi:io@${version} {
  interface error { resource error { to-debug-string: func() -> string; } }
  interface poll { resource pollable { ready: func() -> bool; block: func(); } poll: func(in: list<borrow<pollable>>) -> list<u32>; }
  interface streams {
    use error.{error}; use poll.{pollable};
    variant stream-error { last-operation-failed(error), closed }
    resource input-stream {
      read: func(len: u64) -> result<list<u8>, stream-error>;
      blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
      skip: func(len: u64) -> result<u64, stream-error>;
      blocking-skip: func(len: u64) -> result<u64, stream-error>;
      subscribe: func() -> pollable;
    }
    resource output-stream {
      check-write: func() -> result<u64, stream-error>;
      write: func(contents: list<u8>) -> result<_, stream-error>;
      blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
      flush: func() -> result<_, stream-error>;
      blocking-flush: func() -> result<_, stream-error>;
      subscribe: func() -> pollable;
      write-zeroes: func(len: u64) -> result<_, stream-error>;
      blocking-write-zeroes-and-flush: func(len: u64) -> result<_, stream-error>;
      splice: func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>;
      blocking-splice: func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>;
    }
  }
}
package wasi:clocks@${version} {
  interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; resolution: func() -> datetime; }
  interface monotonic-clock {
    use wasi:io/poll@${version}.{pollable};
    type instant = u64; type duration = u64;
    now: func() -> instant; resolution: func() -> duration;
    subscribe-instant: func(when: instant) -> pollable; subscribe-duration: func(when: duration) -> pollable;
  }
}
package wasi:random@${version} {
  interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
  interface insecure { get-insecure-random-bytes: func(len: u64) -> list<u8>; get-insecure-random-u64: func() -> u64; }
  interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
}
package wasi:filesystem@${version} {
  interface types {
    use wasi:io/streams@${version}.{error};
    enum error-code { access, would-block, already, bad-descriptor, busy, deadlock, quota, exist, file-too-large, illegal-byte-sequence, in-progress,
      interrupted, invalid, io, is-directory, loop, too-many-links, message-size, name-too-long, no-device, no-entry, no-lock, insufficient-memory,
      insufficient-space, not-directory, not-empty, not-recoverable, unsupported, no-tty, no-such-device, overflow, not-permitted, pipe, read-only,
      invalid-seek, text-file-busy, cross-device }
    flags path-flags { symlink-follow }
    flags open-flags { create, directory, exclusive, truncate }
    flags descriptor-flags { read, write, file-integrity-sync, data-integrity-sync, requested-write-sync, mutate-directory }
    resource descriptor {
      open-at: func(path-flags: path-flags, path: string, open-flags: open-flags, %flags: descriptor-flags) -> result<descriptor, error-code>;
    }
    filesystem-error-code: func(err: borrow<error>) -> option<error-code>;
  }
  interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
}
package wasi:cli@${version} {
  interface environment {
    get-environment: func() -> list<tuple<string, string>>; get-arguments: func() -> list<string>; initial-cwd: func() -> option<string>;
  }
  interface exit { exit: func(status: result); }
  interface stdin { use wasi:io/streams@${version}.{input-stream}; get-stdin: func() -> input-stream; }
  interface stdout { use wasi:io/streams@${version}.{output-stream}; get-stdout: func() -> output-stream; }
  interface stderr { use wasi:io/streams@${version}.{output-stream}; get-stderr: func() -> output-stream; }
  interface terminal-output { resource terminal-output; }
  interface terminal-stdout { use terminal-output.{terminal-output}; get-terminal-stdout: func() -> option<terminal-output>; }
}`;
