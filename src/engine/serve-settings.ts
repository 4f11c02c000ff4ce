/** Address and token of the tracking server, in the workspace for its owner's eyes only: scripts keep their address over restarts. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { atomicWriteWith } from '../files/atomic-write';

const FILE = 'tracking.json';

const settingsSchema = z.object({ token: z.string().regex(/^[\w-]{43}$/u), port: z.int().min(0).max(65_535) });
type Settings = z.infer<typeof settingsSchema>;

/** A file that is missing or is not what was written makes a new token. */
export async function readSettings(workspace: string): Promise<Settings> {
  try {
    const found = settingsSchema.safeParse(JSON.parse(await readFile(join(workspace, FILE), 'utf8')));
    if (found.success) return found.data;
  } catch {
    // Made below.
  }
  return { token: randomBytes(32).toString('base64url'), port: 0 };
}

export async function writeSettings(workspace: string, settings: Settings): Promise<void> {
  await atomicWriteWith(join(workspace, FILE), async (handle) => {
    await handle.chmod(0o600);
    await handle.writeFile(`${JSON.stringify(settings)}\n`);
  });
}
