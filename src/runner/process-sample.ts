import { processStat } from '../base/process-stat.ts';

/** Processor time in milliseconds and resident bytes of a process. */
export interface ProcessSample {
  readonly cpu: number;
  readonly resident: number;
}

/** Times in /proc count in USER_HZ and sizes in pages; 100 and 4096 on the platforms Node runs Linux on, but for ARM kernels with larger pages, where sizes come out too small. */
const TICK_MS = 10;
const PAGE = 4096;

/** Undefined where there is no /proc, or no such process. */
export function sampleProcess(pid: number): ProcessSample | undefined {
  const fields = processStat(pid);
  if (fields === undefined) return undefined;
  return { cpu: (Number(fields[11]) + Number(fields[12])) * TICK_MS, resident: Number(fields[21]) * PAGE };
}
