/** `replay.py` in the Python of the judges: REPRISE_PYTHON names it, REPRISE_JUDGES says that it has `onnxruntime`. */
import { execFile } from 'node:child_process';

export const python = process.env['REPRISE_PYTHON'] ?? '';
export const canReplay = python !== '' && (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('onnxruntime');
if (!canReplay) console.warn('SKIPPED: no onnxruntime for Python (REPRISE_PYTHON, REPRISE_JUDGES): replay.py is not tried.');

export interface Replayed {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

export function replay(script: string, args: readonly string[] = []): Promise<Replayed> {
  return new Promise((resolve) => {
    execFile(python, [script, ...args], { timeout: 60_000 }, (error, output, errors) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, output, errors });
    });
  });
}
