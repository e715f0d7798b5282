;; Hostile: takes memory page by page, touching each, until it is refused; then says how many pages it had.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (local $pages i32) (local $at i32)
    (loop $more
      (local.set $pages (memory.grow (i32.const 1)))
      (if (i32.ne (local.get $pages) (i32.const -1))
        (then
          (i32.store (i32.mul (local.get $pages) (i32.const 65536)) (i32.const 1))
          (br $more))))
    ;; Decimal digits from the right, ending at 63 with a line feed.
    (local.set $pages (memory.size))
    (local.set $at (i32.const 63))
    (i32.store8 (i32.const 63) (i32.const 10))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $pages) (i32.const 10))))
      (local.set $pages (i32.div_u (local.get $pages) (i32.const 10)))
      (br_if $digit (local.get $pages)))
    (i32.store (i32.const 64) (local.get $at))
    (i32.store (i32.const 68) (i32.sub (i32.const 64) (local.get $at)))
    (drop (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)))))
