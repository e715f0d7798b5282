/** Components whose calls go through the host again and again, in WebAssembly text. */

/** The destructor of a resource makes another and drops it, `depth` times. Whatever is thrown is caught, if it can be: then it gives 2. */
export const DESTRUCTORS = `(component
  (core module $A (table (export "t") 1 funcref) (type $d (func (param i32)))
    (func (export "dtor") (param i32) (call_indirect (type $d) (local.get 0) (i32.const 0))))
  (core instance $a (instantiate $A))
  (type $r (resource (rep i32) (dtor (core func $a "dtor"))))
  (core func $new (canon resource.new $r)) (core func $drop (canon resource.drop $r))
  (core module $B
    (import "" "new" (func $new (param i32) (result i32))) (import "" "drop" (func $drop (param i32))) (import "" "t" (table 1 funcref))
    (func $next (param i32) (if (local.get 0) (then (call $drop (call $new (i32.sub (local.get 0) (i32.const 1)))))))
    (elem (i32.const 0) $next)
    (func (export "f") (param i32) (result i32)
      (block $caught (try_table (catch_all $caught) (call $next (local.get 0)) (return (i32.const 1)))) (i32.const 2)))
  (core instance $i (export "new" (func $new)) (export "drop" (func $drop)) (export "t" (table $a "t")))
  (core instance $b (instantiate $B (with "" (instance $i))))
  (func (export "f") (param "depth" u32) (result u32) (canon lift (core func $b "f"))))`;

/** `length` component instances, each of which calls the one before, without code between them. */
export function chain(length: number): string {
  const type = '(param "a" u32) (result u32)';
  const instances = Array.from(
    { length },
    (_, i) => `(instance $i${i + 1} (instantiate $C (with "f" (func ${i === 0 ? '$f' : `$i${i} "f"`}))))`,
  );
  return `(component
    (core module $M (func (export "f") (param i32) (result i32) local.get 0)) (core instance $m (instantiate $M))
    (func $f ${type} (canon lift (core func $m "f")))
    (component $C (import "f" (func $f ${type})) (core func $l (canon lower (func $f))) (func (export "f") ${type} (canon lift (core func $l))))
    ${instances.join('\n')} (export "f" (func $i${length} "f")))`;
}
