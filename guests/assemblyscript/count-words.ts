// count-words [FILE…]: the words of Markdown texts (standard input without arguments) as sorted `word<TAB>count` lines.

import { STDIN, args, flush, readAll, readFile, root } from "./lib/wasi";
import { printSorted } from "./lib/counts";
import { countWords } from "./lib/markdown";

const files = args();
if (files.length == 0) countWords(readAll(STDIN));
for (let i = 0; i < files.length; i++) countWords(readFile(root(), files[i]));
printSorted();
flush();
