import { readFileSync } from 'node:fs';

/**
 * Fields of `/proc/PID/stat` from the third on (`[0]` is the state), as proc_pid_stat(5) has them. Undefined where there is none to read: macOS, no
 * such process, another user's hidden one.
 */
export function processStat(pid: number | 'self'): readonly string[] | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the command in parentheses and may hold spaces and parentheses itself.
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
