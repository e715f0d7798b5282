/** An interpreter that runs a loop of n rounds: a switch in a loop. */
export function run(n: i32): i32 {
  const code = StaticArray.fromArray<u8>([0, 3, 1, 4, 2, 5, 3, 1, 6]);
  let pc = 0;
  let count = n;
  let a: i32 = 1;
  let b: i32 = 2;
  while (count > 0) {
    switch (unchecked(code[pc])) {
      case 0:
        a += b;
        break;
      case 1:
        b ^= a;
        break;
      case 2:
        a = a << 1;
        break;
      case 3:
        b += 7;
        break;
      case 4:
        a ^= b >> 3;
        break;
      case 5:
        b -= a;
        break;
      default:
        count--;
        pc = -1;
    }
    pc++;
  }
  return a ^ b;
}
