;; Hostile: never ends.
(module
  (memory (export "memory") 1)
  (func $loop (export "_start") (export "loop")
    (loop $again (br $again))))
