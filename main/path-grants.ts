/**
 * Which paths a window may name to the engine: those a person chose, which the main process tells, and the workspace's
 * own files for reading. A page that is not ours, or no longer, can so write nothing else and look into nothing else,
 * but for what the text of a study names (its baseline, its table) and the files of keys of a machine: people type those
 * paths, so they are not checked.
 */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Method } from '../src/api/contract';
import { RepriseError } from '../src/errors/errors';
import { isInside } from './policies';

/** What a person allowed: to read a file, to have a study's relative paths start at a folder, to write a file once. */
export interface Grant {
  readonly access: 'read' | 'folder' | 'write';
  readonly path: string;
}

interface Paths {
  readonly read: readonly unknown[];
  readonly folder: readonly unknown[];
  readonly write: readonly unknown[];
}

const paths = (given: Partial<Paths>): Paths => ({ read: [], folder: [], write: [], ...given });

/** The paths in an input. What is no text here is the engine's to refuse. */
function pathsIn(method: Method, input: unknown): Paths {
  const fields = (typeof input === 'object' && input !== null ? input : {}) as Readonly<Record<string, unknown>>;
  switch (method) {
    case 'runs.start':
    case 'config.score':
    case 'machines.test':
      return paths({ read: [fields['config']] });
    case 'studies.plan':
    case 'studies.start': {
      const { study } = fields;
      if (typeof study === 'object' && study !== null) return paths({ folder: [(study as Readonly<Record<string, unknown>>)['folder']] });
      return paths({ read: [study] });
    }
    case 'runs.import':
      return paths({ read: [fields['path']] });
    case 'report.write':
    case 'runs.saveFile':
    case 'runs.export':
    case 'runs.restoreCode':
    case 'bundle.export':
      return paths({ write: [fields['out']] });
    case 'bundle.inspect':
    case 'bundle.verify':
    case 'bundle.plan':
    case 'bundle.reproduce':
      return paths({ read: [fields['file'], fields['data']] });
    default:
      return paths({});
  }
}

const texts = (values: readonly unknown[]): string[] => values.filter((value) => typeof value === 'string').map((value) => resolve(value));

function notChosen(path: string, what: string): RepriseError {
  return new RepriseError('PATH_NOT_CHOSEN', `The window may not ${what} ${path}: nobody chose it.`, { hint: 'Choose it in the dialog, or drop it onto the window.' });
}

/** What happens with the paths of a checked call once it has ended. */
export interface Admission {
  /** A file that was written may be read; one that was not may be tried again. */
  readonly ended: (succeeded: boolean) => void;
}

export class PathGrants {
  private readonly readable = new Set<string>();
  private readonly folders = new Set<string>();
  private readonly writable = new Set<string>();

  constructor(private readonly workspace: string) {}

  add(grant: Grant): void {
    const path = resolve(grant.path);
    switch (grant.access) {
      case 'read':
        this.readable.add(path);
        return;
      case 'folder':
        this.folders.add(path);
        return;
      case 'write':
        this.writable.add(path);
    }
  }

  /** @throws RepriseError PATH_NOT_CHOSEN */
  async admit(method: Method, input: unknown): Promise<Admission> {
    const { read, folder, write } = pathsIn(method, input);
    for (const path of texts(read)) if (!this.readable.has(path) && !(await this.isOwn(path))) throw notChosen(path, 'read');
    for (const path of texts(folder)) if (!this.folders.has(path) && !(await this.isOwn(path))) throw notChosen(path, 'use files in');
    const targets = texts(write);
    // Looked up and taken without a pause between: two calls cannot share one permission.
    for (const path of targets) if (!this.writable.delete(path)) throw notChosen(path, 'write to');
    return {
      ended: (succeeded) => {
        for (const path of targets) (succeeded ? this.readable : this.writable).add(path);
      },
    };
  }

  /** Inside the workspace, also when links are followed. */
  private async isOwn(path: string): Promise<boolean> {
    if (!isInside(path, this.workspace)) return false;
    try {
      return isInside(await realpath(path), await realpath(this.workspace));
    } catch {
      return false;
    }
  }
}
