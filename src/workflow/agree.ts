import { DocketError } from '../errors.ts';
import type { IpldMap } from '../ipld/value.ts';

/** How many different agents must give the same output before a task counts as done, and at how many it is run at most. */
export interface Agree {
  readonly need: number;
  readonly most: number;
}

const MOST = 16;
const FORM = /^([1-9]\d?)\/([1-9]\d?)$/;

/** `2/3`: two of three. Undefined if it is none of 1/1 to 16/16, or fewer than half could decide. */
export function parseAgree(text: string): Agree | undefined {
  const found = FORM.exec(text);
  if (found === null) return undefined;
  const [need, most] = [Number(found[1]), Number(found[2])];
  return need <= most && most <= MOST && 2 * need > most ? { need, most } : undefined;
}

export const AGREE_FORM = `must be two numbers such as 2/3: how many must agree, more than half, of how many at most, up to ${MOST}`;

export function textOfAgree({ need, most }: Agree): string {
  return `${need}/${most}`;
}

/** What a task's `meta` asks for. Throws `WORKFLOW_INVALID`. */
export function agreeFromMeta(meta: IpldMap): Agree | undefined {
  const { agree } = meta;
  if (agree === undefined) return undefined;
  const parsed = typeof agree === 'string' ? parseAgree(agree) : undefined;
  if (parsed === undefined) throw new DocketError('WORKFLOW_INVALID', `"agree" in meta ${AGREE_FORM}`);
  return parsed;
}
