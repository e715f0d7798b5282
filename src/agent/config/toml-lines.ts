import { parse, TomlError, type TomlTable } from 'smol-toml';

/**
 * The line each key of a TOML text begins on, from 1, by its path: `tag/zone`. The parser tells no places, so the text, which is known to be well-formed, is
 * cut where a piece of it stands by itself: a piece is one statement, a header, or nothing.
 */
export function keyLines(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const lines = text.split(/\r?\n/);
  let header: readonly string[] = [];
  for (let from = 0, to = 1; to <= lines.length; to++) {
    const piece = lines.slice(from, to).join('\n');
    const table = parsed(piece);
    if (table === undefined) continue;
    const paths = pathsOf(table);
    const isHeader = piece.trimStart().startsWith('[');
    if (isHeader) header = paths.at(-1) ?? [];
    for (const path of isHeader ? paths : paths.map((inner) => [...header, ...inner])) {
      const key = path.join('/');
      if (!found.has(key)) found.set(key, from + 1);
    }
    from = to;
  }
  return found;
}

function parsed(text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError) return undefined;
    throw error;
  }
}

/** Outer ones first. */
function pathsOf(table: TomlTable): string[][] {
  return Object.entries(table).flatMap(([key, value]) => {
    const isTable = typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);
    return [[key], ...(isTable ? pathsOf(value as TomlTable).map((path) => [key, ...path]) : [])];
  });
}
