import { hex, malformed, refused } from './fault.ts';
import { EXTENDED_CONST, REFERENCE_TYPES, SIMD } from './feature.ts';
import { MAIN, REFUSED, refusedOpcode, SHAPE_MASK } from './opcodes.ts';
import type { Reader } from './reader.ts';
import { badType } from './value-type.ts';

/**
 * Reads an initial value or offset up to its `end` and gives the features it uses. An allow-list of its own, smaller than that of bodies. `onGlobal` is told
 * where each `global.get` stands.
 */
export function constExpression(reader: Reader, what: string, onGlobal?: (at: number) => void): number {
  let used = 0;
  for (;;) {
    const offset = reader.at;
    const opcode = reader.u8(what);
    switch (opcode) {
      case 0x0b:
        return used;
      case 0x41:
        reader.skipS32(what);
        break;
      case 0x42:
        reader.skipS64(what);
        break;
      case 0x43:
        reader.skip(4, what);
        break;
      case 0x44:
        reader.skip(8, what);
        break;
      case 0x23:
        onGlobal?.(offset);
        reader.u32(what);
        break;
      case 0xd0: {
        const code = reader.u8(what);
        if (code !== 0x70 && code !== 0x6f) throw badType(code < 0x40 || code >= 0x80 ? 0x63 : code, offset + 1, `ref.null in ${what}`);
        used |= REFERENCE_TYPES;
        break;
      }
      case 0xd2:
        reader.u32(what);
        used |= REFERENCE_TYPES;
        break;
      case 0x6a:
      case 0x6b:
      case 0x6c:
      case 0x7c:
      case 0x7d:
      case 0x7e:
        used |= EXTENDED_CONST;
        break;
      case 0xfd:
        if (reader.u32(what) !== 0x0c) throw malformed(offset, `${what} is not constant`);
        reader.skip(16, what);
        used |= SIMD;
        break;
      default:
        if (((MAIN[opcode] as number) & SHAPE_MASK) !== REFUSED)
          throw malformed(offset, `${what} is not constant, it holds opcode ${hex(opcode)}`);
        throw refused(offset, refusedOpcode(opcode, opcode === 0xfb ? reader.u32(what) : 0), `opcode ${hex(opcode)} in ${what}`);
    }
  }
}
