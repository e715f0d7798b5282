import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DepthRole, depthRoles } from '../../../src/sandbox/metering/depth.ts';
import type { Survey } from '../../../src/sandbox/metering/survey.ts';

const of = (frame: number, more: Partial<Survey> = {}): Survey => ({
  frame,
  calls: [],
  tailCalls: [],
  callsOut: false,
  tailCallsOut: false,
  ...more,
});

/** Roles of functions whose indices begin at 2: two are imported. */
const roles = (...surveys: readonly Survey[]): DepthRole[] => depthRoles(surveys, 2);

test('what fits into the reserve with all it calls is not counted', () => {
  assert.deepEqual(roles(of(100), of(156, { calls: [2] }), of(157, { calls: [2] })), ['bounded', 'bounded', 'counted']);
  assert.deepEqual(roles(of(200), of(100, { tailCalls: [2] })), ['bounded', 'bounded'], 'a tail call takes the place of its caller');
  assert.deepEqual(roles(of(257)), ['counted']);
});

test('what calls itself, an import or a table is counted, however long the way round', () => {
  assert.deepEqual(roles(of(10, { calls: [2] })), ['counted']);
  assert.deepEqual(roles(of(10, { calls: [3] }), of(10, { calls: [4] }), of(10, { calls: [2] })), ['counted', 'counted', 'counted']);
  assert.deepEqual(roles(of(10, { callsOut: true }), of(10, { calls: [2] })), ['counted', 'counted']);
});

test('what only goes on to another is passed through, if it is small itself', () => {
  assert.deepEqual(roles(of(10, { tailCalls: [2] })), ['passing']);
  assert.deepEqual(roles(of(10, { tailCallsOut: true }), of(10, { calls: [2] })), ['passing', 'counted']);
  assert.deepEqual(roles(of(300, { tailCallsOut: true })), ['counted']);
  assert.deepEqual(roles(of(200), of(100, { tailCallsOut: true, calls: [2] })), ['bounded', 'counted']);
});
