// split-counts: sorts `word<TAB>count` lines on standard input into files by their first letter, by-letter/a.tsv and so on.

import { STDIN, flush, makeFolder, openFolder, readAll, root, utf8 } from "./lib/wasi";
import { addText, printByLetter } from "./lib/counts";

addText(readAll(STDIN));
const name = utf8("by-letter");
makeFolder(root(), name);
printByLetter(openFolder(root(), name));
flush();
