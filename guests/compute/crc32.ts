/** CRC of n bytes by table: the tightest of loops. */
export function run(n: i32): i32 {
  const table = new StaticArray<u32>(256);
  for (let i = 0; i < 256; i++) {
    let value = <u32>i;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? (value >> 1) ^ 0xedb88320 : value >> 1;
    unchecked((table[i] = value));
  }
  const bytes = new Uint8Array(65536);
  for (let i = 0; i < 65536; i++) unchecked((bytes[i] = <u8>(i * 31)));
  let crc: u32 = 0xffffffff;
  for (let i = 0; i < n; i++) crc = unchecked(table[(crc ^ unchecked(bytes[i & 65535])) & 255]) ^ (crc >> 8);
  return ~crc;
}
