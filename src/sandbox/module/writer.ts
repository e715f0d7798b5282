/** Parts of the binary format, to be joined with `concat`. */

/** Unsigned LEB128, as short as it gets. */
export function u32(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  while (left >= 0x80) {
    bytes.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  bytes.push(left);
  return Uint8Array.from(bytes);
}

export function nameOf(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return concat([u32(bytes.length), bytes]);
}

/** With a maximum, always. */
export function limitsOf(initial: number, maximum: number): Uint8Array {
  return concat([Uint8Array.of(0x01), u32(initial), u32(maximum)]);
}

export function sectionOf(id: number, contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return concat([Uint8Array.of(id), u32(length), ...contents]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
