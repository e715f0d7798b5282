import { Float, type Ipld, isLink, isList } from '../../ipld/value.ts';

/** Characters of a value in a message. */
const MOST_SHOWN = 100;

/** A value of any size as a short text for messages, close to JSON: `{"a": 1, "b": […` */
export function show(value: Ipld): string {
  const text = preview(value, MOST_SHOWN);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN - 1).toWellFormed()}…` : text;
}

/** At least `room` characters of it, if it has as many; it looks no further into the value than it takes for these. */
function preview(value: Ipld, room: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room));
  if (value instanceof Float) return Object.is(value.value, -0) ? '-0.0' : `${value.value}${Math.abs(value.value) < 1e21 ? '.0' : ''}`;
  if (value === null || typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (isLink(value)) return `the link ${value.toString()}`;
  if (isList(value)) return `[${joined(value, room, (item, left) => preview(item, left))}]`;
  return `{${joined(Object.entries(value), room, ([key, item], left) => `${JSON.stringify(key.slice(0, left))}: ${preview(item, left)}`)}}`;
}

function joined<T>(items: readonly T[], room: number, write: (item: T, left: number) => string): string {
  let text = '';
  for (const [i, item] of items.entries()) {
    if (text.length >= room) return `${text}…`;
    text += `${i === 0 ? '' : ', '}${write(item, room - text.length)}`;
  }
  return text;
}
