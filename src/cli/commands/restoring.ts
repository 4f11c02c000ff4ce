/** The command that makes the code of a run again. */
import { print, printJson, say } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

export async function checkout([run = '']: readonly string[], options: GlobalOptions & { readonly out: string }): Promise<number> {
  return withEngine(options, 'look', async (engine) => {
    const restored = await call(engine, 'runs.restoreCode', { run, out: options.out });
    if (options.json === true) printJson(restored);
    else print(`${String(restored.files)} files in ${restored.folder}${restored.configFolder === restored.folder ? '' : `; the config lay in ${restored.configFolder}`}`);
    for (const { path, note } of restored.withheld) say(`not stored: ${path} (${note})`);
    return 0;
  });
}
