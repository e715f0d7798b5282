/** Nothing but calls. */
function fibonacci(n: i32): i32 {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

export function run(n: i32): i32 {
  return fibonacci(n);
}
