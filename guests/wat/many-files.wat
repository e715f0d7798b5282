;; Hostile: makes files aaaa, aaab, … and closes none; exits with the errno that stopped it.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $digit (param $at i32) (param $value i32)
    (i32.store8 (local.get $at)
      (i32.add (i32.const 97) (i32.and (local.get $value) (i32.const 15)))))
  (func (export "_start")
    (local $count i32) (local $errno i32)
    (loop $more
      (call $digit (i32.const 0) (i32.shr_u (local.get $count) (i32.const 12)))
      (call $digit (i32.const 1) (i32.shr_u (local.get $count) (i32.const 8)))
      (call $digit (i32.const 2) (i32.shr_u (local.get $count) (i32.const 4)))
      (call $digit (i32.const 3) (local.get $count))
      (local.set $errno
        (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 1)
          (i64.const 0x42) (i64.const 0) (i32.const 0) (i32.const 8)))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $more (i32.eqz (local.get $errno))))
    (call $proc_exit (local.get $errno))))
