/**
 * Loaded before each test file by `npm test`: property tests take the same examples every time, so that a failure is due to the change at hand.
 * `PROPERTY_SEED=random npm test` looks for new ones, and any number repeats a run; a failing property prints its seed.
 */

import fc from 'fast-check';

const wanted = process.env['PROPERTY_SEED'] ?? '1';
if (wanted !== 'random') fc.configureGlobal({ seed: Number.parseInt(wanted, 10) });
