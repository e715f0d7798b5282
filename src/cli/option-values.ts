import { type Agree, AGREE_FORM, parseAgree } from '../workflow/agree.ts';
import { formatDuration, parseDuration } from '../base/units.ts';
import { isWeight, MOST_AWAIT_TIME, WEIGHT } from '../scheduler/driver.ts';
import type { Call } from './command.ts';

/** Values of options that are more than text. All throw `USAGE`. */

/** A whole number of at least 1, or undefined if the option is absent. */
export function count(call: Call, name: string): number | undefined {
  const text = call.value(name);
  if (text === undefined) return undefined;
  if (!/^[1-9][0-9]{0,5}$/.test(text)) throw call.usage(`--${name} takes a whole number of at least 1, not "${text}"`);
  return Number(text);
}

/** What `parse` makes of the value; `example` is one it takes. */
export function measured<T extends number | bigint>(
  call: Call,
  name: string,
  parse: (text: string) => T | undefined,
  example: string,
): T | undefined {
  const text = call.value(name);
  if (text === undefined) return undefined;
  const amount = parse(text);
  if (amount === undefined) throw call.usage(`--${name} takes a value such as ${example}, not "${text}"`);
  return amount;
}

/** `--await-time`, as the options of a drive have it. */
export function awaitTime(call: Call): { readonly awaitTime?: number } {
  const time = measured(call, 'await-time', (text) => (text === '0' ? 0 : parseDuration(text)), '30s');
  if (time !== undefined && time > MOST_AWAIT_TIME)
    throw call.usage(`--await-time takes at most ${formatDuration(MOST_AWAIT_TIME)}, not "${call.value('await-time')}"`);
  return time === undefined ? {} : { awaitTime: time };
}

/** `--agree`, as the options of a drive have it. */
export function agreement(call: Call): { readonly agree?: Agree } {
  const text = call.value('agree');
  if (text === undefined) return {};
  const agree = parseAgree(text);
  if (agree === undefined) throw call.usage(`--agree ${AGREE_FORM}, not "${text}"`);
  return { agree };
}

/** `--weight`, as the options of a drive have it. */
export function weighing(call: Call): { readonly weight?: number } {
  const text = call.value('weight');
  if (text === undefined) return {};
  const weight = /^\d{1,3}(\.\d{1,2})?$/.test(text) ? Number(text) : undefined;
  if (!isWeight(weight)) throw call.usage(`--weight takes a number from ${WEIGHT.least} to ${WEIGHT.most}, not "${text}"`);
  return { weight };
}

/** `NAME=VALUE` pairs of an option that may be repeated. */
export function pairs(call: Call, name: string): Record<string, string> {
  const found = new Map<string, string>();
  for (const pair of call.values(name)) {
    const at = pair.indexOf('=');
    if (at < 1) throw call.usage(`--${name} takes NAME=VALUE, not "${pair}"`);
    const key = pair.slice(0, at);
    if (found.has(key)) throw call.usage(`--${name} ${key} is given twice`);
    found.set(key, pair.slice(at + 1));
  }
  return Object.fromEntries(found);
}
