/** `npm run build`: what is published beside the sources' own files: plain JavaScript in dist/, and the guests the examples use. */

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildGuests } from './build-guests.ts';
import { ROOT, runNode } from './run-command.ts';

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
await buildGuests();
// Files that are served as they are.
cpSync(join(ROOT, 'src/api/docs-page'), join(ROOT, 'dist/api/docs-page'), { recursive: true });
process.exitCode = runNode('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
