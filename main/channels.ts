/** Every message between the main process and the preload, by name. */
import type { ShellMethod } from '../src/api/shell';

export const channels = {
  /** Preload → main: here I am; answered with the engine's state, followed by its port and the files that wait to be opened. */
  connect: 'reprise:connect',
  /** Preload → main: the page shows what it begins with. Until then the main process loads nothing more. */
  painted: 'reprise:painted',
  /** Answered once all of main is there. */
  whole: 'reprise:whole',
  /** A dropped file's path, which the preload got from the browser. */
  droppedFile: 'reprise:dropped-file',
  /** Which commands can be used now. */
  enableCommands: 'reprise:enable-commands',
  /** Main → preload. */
  engineState: 'reprise:engine-state',
  enginePort: 'reprise:engine-port',
  command: 'reprise:command',
  openFile: 'reprise:open-file',
  settings: 'reprise:settings',
} as const;

/** The channel of a shell method. */
export function shellChannel(method: ShellMethod): string {
  return `reprise:shell:${method}`;
}
