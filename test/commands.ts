import { readFileSync } from 'node:fs';
import { componentNew } from '@bytecodealliance/jco-transpile/wasm-tools';

const ADAPTER = new URL('./adapter/wasi_snapshot_preview1.command.wasm', import.meta.url);

/** A command component of a command module for preview 1. test/adapter tells what is otherwise then. */
export function adapted(core: Uint8Array): Promise<Uint8Array> {
  return componentNew(core, [['wasi_snapshot_preview1', readFileSync(ADAPTER)]]);
}
