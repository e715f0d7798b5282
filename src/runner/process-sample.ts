import { readFileSync } from 'node:fs';

/** Processor time in milliseconds and resident bytes of a process. */
export interface ProcessSample {
  readonly cpu: number;
  readonly resident: number;
}

/** Times in /proc count in USER_HZ and sizes in pages; 100 and 4096 on the platforms Node runs Linux on, but for ARM kernels with larger pages, where sizes come out too small. */
const TICK_MS = 10;
const PAGE = 4096;

/** Undefined where there is no /proc, or no such process. Format: proc_pid_stat(5). */
export function sampleProcess(pid: number): ProcessSample | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the command in parentheses and may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { cpu: (Number(fields[11]) + Number(fields[12])) * TICK_MS, resident: Number(fields[21]) * PAGE };
}
