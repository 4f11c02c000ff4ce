/** Whether the kernel ended processes of this one's control group because they took too much memory. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = '/sys/fs/cgroup';

/**
 * The files that count it, most telling first: of version 2 and of version 1. Of a job of Slurm the group of the whole job,
 * in which its steps are.
 * @param text of /proc/self/cgroup
 */
export function counterFiles(text: string, root: string = ROOT): string[] {
  return text.split('\n').flatMap((line) => {
    const [, controllers, ...rest] = line.split(':');
    const folder = rest.join(':').replace(/(\/job_\d+)\/.*$/u, '$1');
    if (controllers === '') return [path.join(root, folder, 'memory.events'), path.join(root, 'memory.events')];
    if (controllers?.split(',').includes('memory') === true) return [path.join(root, 'memory', folder, 'memory.oom_control'), path.join(root, 'memory/memory.oom_control')];
    return [];
  });
}

/** Processes that were ended so far; null where the system does not tell. */
export function memoryKills(): number | null {
  try {
    for (const file of counterFiles(readFileSync('/proc/self/cgroup', 'utf8'))) {
      const count = countIn(file);
      if (count !== null) return count;
    }
  } catch {
    // No Linux, or no control groups.
  }
  return null;
}

function countIn(file: string): number | null {
  try {
    const count = /^oom_kill (\d+)$/mu.exec(readFileSync(file, 'utf8'))?.[1];
    return count === undefined ? null : Number(count);
  } catch {
    return null;
  }
}
