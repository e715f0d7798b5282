import { systemClock } from '../../src/base/clock.ts';
import { Slot } from '../../src/runner/slot.ts';
import { call, never, wat } from './helpers.ts';

/** Run by `orphan.test.ts` as a process of its own: runs an endless loop, or stays idle, and tells the slot's process id. */

const [storeRoot, what] = process.argv.slice(2) as [string, string];
const slot = Slot.start({ storeRoot, index: 0, clock: systemClock });
const module = wat('(module (func (export "loop") (loop br 0)) (func (export "nothing")))');
if (what !== 'starting') await slot.submit(call(module, 'nothing'), { signal: never });
if (what !== 'idle') void slot.submit(call(module, 'loop'), { signal: never });
process.stdout.write(`${slot.pid}\n`);
