;; Functions for wasm/run: one for each numeric type, results of none, one and several values, and two ways to fail.
(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add-long") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "add-float") (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1)))
  (func (export "add-double") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func (export "nothing"))
  (func (export "divide-and-rest") (param i32 i32) (result i32 i32)
    (i32.div_s (local.get 0) (local.get 1))
    (i32.rem_s (local.get 0) (local.get 1)))
  (func (export "unreachable") unreachable)
  (func $fib (export "fib") (param i32) (result i64)
    (if (result i64) (i32.lt_s (local.get 0) (i32.const 2))
      (then (i64.extend_i32_s (local.get 0)))
      (else (i64.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2))))))))
