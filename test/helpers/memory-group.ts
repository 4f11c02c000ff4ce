/** A real control group of Linux that lets its processes take little memory. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

const ROOT = '/sys/fs/cgroup';

/** @returns the file that a process writes itself into, or null where no group can be made here */
export function memoryGroup(name: string, bytes: number): string | null {
  const isSecond = existsSync(join(ROOT, 'cgroup.controllers'));
  const folder = join(ROOT, isSecond ? '' : 'memory', name);
  try {
    mkdirSync(folder);
    // Its last process may just be ending.
    onTestFinished(() => vi.waitFor(() => rmdirSync(folder), { timeout: 5000 }));
    writeFileSync(join(folder, isSecond ? 'memory.max' : 'memory.limit_in_bytes'), String(bytes));
    return join(folder, 'cgroup.procs');
  } catch {
    return null;
  }
}
