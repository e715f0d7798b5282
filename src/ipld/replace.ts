import { type Ipld, isList, isMap } from './value.ts';

/**
 * `value` with what `give` gives in the place of its parts, the value itself first. What was given is not looked into; where `give` has nothing the part stays, and its own
 * parts are looked at. Of what nothing was replaced in, the same object.
 */
export function replaceIn(value: Ipld, give: (part: Ipld) => Ipld | undefined): Ipld {
  const given = give(value);
  if (given !== undefined) return given;
  let changed = false;
  const replaced = (part: Ipld): Ipld => {
    const fresh = replaceIn(part, give);
    changed ||= fresh !== part;
    return fresh;
  };
  if (isList(value)) {
    const items = value.map(replaced);
    return changed ? items : value;
  }
  if (!isMap(value)) return value;
  const entries = Object.entries(value).map(([key, part]) => [key, replaced(part)] as const);
  // fromEntries defines keys, so that a key "__proto__" stays a key.
  return changed ? Object.fromEntries(entries) : value;
}
