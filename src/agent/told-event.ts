import type { RunEvent } from '../scheduler/events.ts';
import type { Plan } from '../workflow/model.ts';
import { clipped } from './told-errors.ts';

/** An event as others are told it: tasks by their labels too. */
export function toldEvent(event: RunEvent, plan: Plan): unknown {
  const { kind: _, ...all } = event;
  const rest = clippedIn(clippedIn(clippedIn(all, 'message'), 'resource'), 'why');
  if (event.kind === 'conflict') return { kept: event.kept.toString(), other: event.other.toString() };
  if (!('task' in event)) return rest;
  // Of a clock that is nobody else's.
  const { at: _at, ...task } = { at: undefined, ...rest };
  return { label: plan.tasks[event.task]?.label, ...task };
}

function clippedIn<T extends object>(event: T, key: 'message' | 'resource' | 'why'): T {
  const text = (event as Readonly<Record<string, unknown>>)[key];
  return typeof text === 'string' ? { ...event, [key]: clipped(text) } : event;
}
