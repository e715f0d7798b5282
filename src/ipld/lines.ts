import type { Place } from '../errors.ts';

/** Lines of a text, to tell people where an offset is. They are counted at the first question only: most texts have no errors. */
export class Lines {
  readonly #text: string;
  readonly #file: string | undefined;
  #starts: number[] | undefined;

  constructor(text: string, file?: string) {
    this.#text = text;
    this.#file = file;
  }

  /** Line and column count from 1; the column in UTF-16 units, as editors do. */
  place(offset: number): Place {
    const starts = (this.#starts ??= lineStarts(this.#text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    const place = { line: low + 1, column: offset - (starts[low] as number) + 1 };
    return this.#file === undefined ? place : { file: this.#file, ...place };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
