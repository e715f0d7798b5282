import { flag, readMessage, type Refused } from './message.ts';
import { decodeAnswer, encodeAnswer, encodeQuestion } from './question.ts';

/** To take no new work, or to take it again: asked `{ask: "drain", isDrained}`, answered `{isDrained}` when that is durable. */
export const DRAIN = 'drain';

export interface DrainState {
  readonly isDrained: boolean;
}

export function encodeDrain({ isDrained }: DrainState): Uint8Array {
  return encodeQuestion(DRAIN, { isDrained });
}

export function decodeDrain(bytes: Uint8Array): DrainState | Refused {
  return readMessage(bytes, (map) => ({ isDrained: flag(map, 'isDrained') }));
}

export function encodeDrained({ isDrained }: DrainState): Uint8Array {
  return encodeAnswer({ isDrained });
}

export function decodeDrained(bytes: Uint8Array): DrainState | Refused {
  const read = decodeAnswer(bytes, (map) => ({ isDrained: flag(map, 'isDrained') }));
  return 'refused' in read ? read : read.answer;
}
