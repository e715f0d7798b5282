// top-words [N]: the N (default 20) most frequent words of `word<TAB>count` lines on standard input; equal counts by name.

import { Bytes, STDIN, args, fail, flush, readAll } from "./lib/wasi";
import { addText, printTop } from "./lib/counts";

function parse(text: Bytes): i32 {
  let value = 0;
  for (let i: usize = 0; i < text.length; i++) {
    const digit = load<u8>(text.start + i) - 0x30;
    if (digit > 9 || value > 100000) fail("usage: top-words [N]");
    value = value * 10 + digit;
  }
  return value;
}

const given = args();
if (given.length > 1) fail("usage: top-words [N]");
const limit = given.length == 1 ? parse(given[0]) : 20;
addText(readAll(STDIN));
printTop(limit);
flush();
