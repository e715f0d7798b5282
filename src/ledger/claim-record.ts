/**
 * Records of the file of claims, see `claims.ts`: what, by whom, which work. Tags and names are texts of one character per byte. All have one length,
 * which divides a page, so that a write that was cut off leaves whole ones.
 */
export interface ClaimRecord {
  readonly kind: 'claim' | 'release';
  readonly tag: string;
  readonly name: string;
}

export const RECORD_BYTES = 32;
export const TAG_BYTES = 8;
const KIND_BYTES = 8;
const NAME_AT = KIND_BYTES + TAG_BYTES;

const KINDS = { claim: 'claim   ', release: 'release ' } as const;

/** The first 16 bytes of a key name work well enough. Spelled out, since that takes a fifth of the time of any other way. */
export function nameOf(k: Uint8Array): string {
  // oxfmt-ignore
  return String.fromCharCode(k[0]!, k[1]!, k[2]!, k[3]!, k[4]!, k[5]!, k[6]!, k[7]!, k[8]!, k[9]!, k[10]!, k[11]!, k[12]!, k[13]!, k[14]!, k[15]!);
}

export function encodeRecords(records: readonly ClaimRecord[]): Buffer {
  const bytes = Buffer.allocUnsafe(records.length * RECORD_BYTES);
  records.forEach(({ kind, tag, name }, i) => bytes.write(KINDS[kind] + tag + name, i * RECORD_BYTES, 'latin1'));
  return bytes;
}

/** The whole records in `bytes`; what is none is left out. */
export function decodeRecords(bytes: Buffer): ClaimRecord[] {
  const text = bytes.toString('latin1');
  const records: ClaimRecord[] = [];
  for (let at = 0; at + RECORD_BYTES <= text.length; at += RECORD_BYTES) {
    const kind = text.startsWith(KINDS.claim, at) ? 'claim' : text.startsWith(KINDS.release, at) ? 'release' : undefined;
    if (kind === undefined) continue;
    records.push({ kind, tag: text.slice(at + KIND_BYTES, at + NAME_AT), name: text.slice(at + NAME_AT, at + RECORD_BYTES) });
  }
  return records;
}
