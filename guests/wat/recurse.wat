;; Hostile: calls itself without end.
(module
  (memory (export "memory") 1)
  (func $recurse (export "recurse") (param i32) (result i32)
    (i32.add (i32.const 1) (call $recurse (i32.add (i32.const 1) (local.get 0)))))
  (func (export "_start") (drop (call $recurse (i32.const 0)))))
