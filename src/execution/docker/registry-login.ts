/** How Docker's own program is signed in to a registry: asked anew each time, kept nowhere. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { registryOf } from './image-name';

const settingsSchema = z.object({
  auths: z.record(z.string(), z.object({ auth: z.string().optional() })).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
});

export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

/** @returns null where nobody is signed in: then what is public can be had */
export async function registryLogin(repository: string): Promise<RegistryLogin | null> {
  const registry = registryOf(repository);
  try {
    const folder = process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker');
    const { auths, credHelpers, credsStore } = settingsSchema.parse(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')));
    const helper = credHelpers[registry] ?? credsStore;
    if (helper !== undefined) return await askHelper(helper, registry);
    const [username, ...password] = Buffer.from(auths[registry]?.auth ?? '', 'base64').toString('utf8').split(':');
    return username === undefined || username === '' ? null : { username, password: password.join(':'), serveraddress: registry };
  } catch {
    return null;
  }
}

/** The protocol of docker-credential-helpers: the registry on its input, the answer as JSON. */
function askHelper(helper: string, registry: string): Promise<RegistryLogin | null> {
  return new Promise((resolve, reject) => {
    const child = execFile(`docker-credential-${helper}`, ['get'], { timeout: 10_000 }, (error, stdout) => {
      if (error !== null) return resolve(null);
      try {
        const { Username, Secret } = z.object({ Username: z.string(), Secret: z.string() }).parse(JSON.parse(stdout));
        resolve({ username: Username, password: Secret, serveraddress: registry });
      } catch (problem) {
        reject(problem);
      }
    });
    child.stdin?.on('error', () => undefined).end(registry);
  });
}
