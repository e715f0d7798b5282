/** `npm run demo`: counts the words of every Markdown text under node_modules and shows the most frequent. A second run computes nothing. */

import { buildGuests } from './build-guests.ts';
import { runNode } from './run-command.ts';

await buildGuests();
// Ctrl-C goes to both of us: docket ends in order, and we wait for it.
process.on('SIGINT', () => {});
process.exitCode = runNode('bin/docket', 'run', 'examples/01-word-count/workflow.yaml', ...process.argv.slice(2));
