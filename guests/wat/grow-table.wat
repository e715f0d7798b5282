;; Hostile: takes table slots until it is refused, then traps.
(module
  (memory (export "memory") 1)
  (table $table 1 externref)
  (func (export "_start")
    (loop $more
      (br_if $more (i32.ne (table.grow $table (ref.null extern) (i32.const 100000)) (i32.const -1))))
    unreachable))
