import { availableParallelism, loadavg, totalmem } from 'node:os';
import type { Engine } from '../engine.ts';

/** Bytes a program may have here: all of the machine's memory, or what a container leaves of it. */
export function memoryHere(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** Slots of the home that nobody of this process uses. */
export function freeSlots({ slotCount, slots }: Pick<Engine, 'slotCount' | 'slots'>): number {
  return Math.max(0, slotCount - slots.held);
}

export function machineLoad(): number {
  return (loadavg()[0] ?? 0) / availableParallelism();
}
