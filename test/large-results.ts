import { type Made, make, REALLOC } from './components.ts';

/** Functions that give as much as they are asked for, and others that say how much they were given. */
export function maker(): Promise<Made> {
  const gives = (name: string, size = 1): string => `(func (export "${name}") (param i32) (result i32)
    (memory.fill (i32.const 131072) (i32.const 97) (i32.mul (local.get 0) (i32.const ${size})))
    (i32.store (i32.const 8) (i32.const 131072)) (i32.store (i32.const 12) (local.get 0)) (i32.const 8))`;
  const counts = (name: string): string => `(func (export "${name}") (param i32 i32) (result i32) (local.get 1))`;
  return make(
    `(module (memory (export "memory") 600) ${REALLOC}
      ${gives('bytes')} ${gives('text')} ${gives('numbers', 4)} ${counts('size')} ${counts('length')} ${counts('count')}
      (func (export "album") (param i32) (result i32)
        (memory.fill (i32.const 131072) (i32.const 97) (local.get 0))
        (i32.store (i32.const 8) (i32.const 131072)) (i32.store (i32.const 12) (i32.const 3))
        (i32.store (i32.const 16) (i32.const 131072)) (i32.store (i32.const 20) (local.get 0)) (i32.const 8)))`,
    `record photos { name: string, image: list<u8> }
     export bytes: func(n: u32) -> list<u8>; export text: func(n: u32) -> string; export numbers: func(n: u32) -> list<u32>;
     export album: func(n: u32) -> photos;
     export size: func(a: list<u8>) -> u32; export length: func(a: string) -> u32; export count: func(a: list<u32>) -> u32;`,
  );
}
