import { type AgentDoor, callAgent } from '../store/agent-call.ts';

/** How long an agent of the own machine may take to say that it lives, in ms: it may stand still, and we need not. */
const PATIENCE = 3_000;

/** Whether an agent of this machine answers. Throws as `callAgent`. */
export async function greet(door: AgentDoor): Promise<void> {
  (await callAgent({ ...door, idle: PATIENCE, patience: PATIENCE }, { method: 'GET', path: '/healthz' })).discard();
}
