import { DocketError } from '../../errors.ts';

/** The bytes at `offset` are not WebAssembly. */
export function malformed(offset: number, what: string): DocketError {
  return new DocketError('MODULE_INVALID', `not valid WebAssembly: ${what}, at byte ${offset}`, { details: { offset } });
}

/** The bytes at `offset` are WebAssembly, but use a feature that is not let in. */
export function refused(offset: number, feature: string, what: string): DocketError {
  return new DocketError('MODULE_INVALID', `the module uses ${feature}, which is refused: ${what}, at byte ${offset}`, {
    details: { offset, feature },
  });
}

/** Names in messages, cut short: a module may make them as long as it likes. Messages are filed, so half a character at the cut would be refused there. */
export function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99).toWellFormed()}…` : text;
}

export function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
