;; Prints "Fibonacci #1 = 1" to "#9 = 34", each number from the extension it imports as "fib".
(module
  (import "fib" "fib" (func $fib (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "Fibonacci #0 = ")
  (func (export "_start")
    (local $i i32) (local $value i32) (local $end i32)
    (loop $each
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (i32.store8 (i32.const 75) (i32.add (i32.const 48) (local.get $i)))
      (local.set $value (call $fib (local.get $i)))
      (local.set $end (i32.const 79))
      (if (i32.ge_u (local.get $value) (i32.const 10))
        (then
          (i32.store8 (local.get $end) (i32.add (i32.const 48) (i32.div_u (local.get $value) (i32.const 10))))
          (local.set $end (i32.add (local.get $end) (i32.const 1)))))
      (i32.store8 (local.get $end) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
      (i32.store8 offset=1 (local.get $end) (i32.const 10))
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (i32.sub (i32.add (local.get $end) (i32.const 2)) (i32.const 64)))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $each (i32.lt_u (local.get $i) (i32.const 9))))))
