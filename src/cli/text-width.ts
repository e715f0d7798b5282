/** How much room text takes on a terminal, near enough: combining marks none, East Asian wide characters and emoji two cells, all else one. */

const NOTHING = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const WIDE =
  /^[\p{Emoji_Presentation}\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]$/u;

export function cellsOf(text: string): number {
  let cells = 0;
  for (const char of text) cells += widthOf(char);
  return cells;
}

function widthOf(char: string): number {
  if (char <= '~') return 1;
  return NOTHING.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
}

/** `text`, cut with an ellipsis if it takes more cells than there are. */
export function fit(text: string, cells: number): string {
  if (cellsOf(text) <= cells) return text;
  let kept = '';
  let left = cells - 1;
  for (const char of text) {
    left -= widthOf(char);
    if (left < 0) break;
    kept += char;
  }
  return cells > 0 ? `${kept}…` : '';
}

/** `text` with spaces after it, up to a number of cells. */
export function pad(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - cellsOf(text)));
}
