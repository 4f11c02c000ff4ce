/** Use case: the code of a run as it was, in a folder of its own. */
import { resolve } from 'node:path';
import type { Input, Output } from '../api/contract';
import { RepriseError } from '../errors/errors';
import { restoreSnapshot } from '../provenance/restore';
import type { EngineContext } from './context';

/** Needs neither git nor a network. @throws RepriseError RUN_NOT_FOUND, CODE_NOT_STORED and those of restoring */
export async function restoreCode({ store }: EngineContext, input: Input<'runs.restoreCode'>): Promise<Output<'runs.restoreCode'>> {
  const run = store.getRun(input.run);
  const manifest = store.manifest(run.runId);
  const code = manifest.kind === 'logged' ? null : (manifest.provenance.code ?? null);
  if (code === null) {
    throw new RepriseError('CODE_NOT_STORED', `Run ${run.runId} has no stored code${manifest.kind === 'logged' ? ': another program logged it' : ''}.`, {
      kind: 'input',
      hint: manifest.kind === 'logged' ? 'Let Reprise start the script as a command: its files are stored then.' : 'Put the config into a git repository: the files of later runs are stored then.',
    });
  }
  const folder = resolve(input.out);
  const { files, withheld } = await restoreSnapshot(store.workspace, code.snapshot, folder);
  return { folder, snapshot: code.snapshot, files: files.length, configFolder: resolve(folder, code.folder), withheld: withheld.map(({ path, note }) => ({ path, note })) };
}
