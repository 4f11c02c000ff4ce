/** The paths people chose in this session, and what that allows the window. */
import { realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { OpenedFile } from '../src/api/shell';
import { identify } from './opened-file';
import type { Grant } from './path-grants';
import { isInside } from './policies';

export class ChosenPaths {
  private readonly known = new Set<string>();
  private readonly studies = new Set<string>();

  /** @param grant tells the engine; settles when it knows */
  constructor(
    private readonly workspace: string,
    private readonly grant: (grant: Grant) => Promise<void>,
  ) {}

  /**
   * A file that a person chose to open.
   * @throws RepriseError as `identify` does
   */
  async open(path: string): Promise<OpenedFile> {
    const file = await identify(resolve(path));
    if (file.kind === 'study') await this.study(file.path);
    else await this.readable(file.path);
    return file;
  }

  /** A study that was opened or saved: it may be saved again, and the files it names lie beside it. */
  async study(path: string): Promise<void> {
    this.studies.add(path);
    await this.readable(path);
    await this.grant({ access: 'folder', path: dirname(path) });
  }

  /** A study that comes with the app: read like any other, never written. */
  async sample(path: string): Promise<void> {
    await this.readable(path);
    await this.grant({ access: 'folder', path: dirname(path) });
  }

  /** A file that the engine may write once. */
  async target(path: string): Promise<void> {
    this.known.add(path);
    await this.grant({ access: 'write', path });
  }

  /** A file that this process has written for a person. */
  written(path: string): void {
    this.known.add(path);
  }

  maySave(path: string): boolean {
    return this.studies.has(resolve(path));
  }

  /** Whether the window may show a path in the file manager: the workspace and what lies in it, or a chosen path. */
  async mayShow(path: string): Promise<boolean> {
    const wanted = resolve(path);
    if (this.known.has(wanted) || wanted === this.workspace) return true;
    if (!isInside(wanted, this.workspace)) return false;
    return realpath(wanted).then(
      async (real) => isInside(real, await realpath(this.workspace)),
      () => false,
    );
  }

  private async readable(path: string): Promise<void> {
    this.known.add(path);
    await this.grant({ access: 'read', path });
  }
}
