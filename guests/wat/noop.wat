;; The least a task can be, for wasi/run (_start) and wasm/run (noop).
(module
  (memory (export "memory") 1)
  (func (export "_start"))
  (func (export "noop")))
