// merge-counts: the sum of every `word<TAB>count` file in the folder parts/, sorted.

import { filesOf, flush, openFolder, readFile, root, utf8 } from "./lib/wasi";
import { addText, printSorted } from "./lib/counts";

const parts = openFolder(root(), utf8("parts"));
const names = filesOf(parts);
for (let i = 0; i < names.length; i++) addText(readFile(parts, names[i]));
printSorted();
flush();
