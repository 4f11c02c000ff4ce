/** `delete`, `restore` and `workspace purge`: runs into the trash, back out of it, or gone for good. */
import { emptyTrash } from '../../engine/trash';
import { print, printJson } from '../output';
import { call, withEngine, workspaceOf, type GlobalOptions } from '../session';

const runs = (count: number): string => `${count} run${count === 1 ? '' : 's'}`;

export async function deleteCommand(ids: readonly string[], options: GlobalOptions): Promise<number> {
  const { deleted } = await withEngine(options, 'quiet-host', (engine) => call(engine, 'runs.delete', { runs: [...ids] }));
  if (options.json === true) printJson({ deleted });
  else print(`${runs(deleted.length)} deleted. \`reprise restore RUN\` brings them back for 30 days.`);
  return 0;
}

export async function restore(ids: readonly string[], options: GlobalOptions): Promise<number> {
  const { restored } = await withEngine(options, 'quiet-host', (engine) => call(engine, 'runs.restore', { runs: [...ids] }));
  const missing = ids.filter((id) => !restored.includes(id));
  if (options.json === true) printJson({ restored, missing });
  else {
    print(`${runs(restored.length)} restored.`);
    if (missing.length > 0) print(`Not in the trash: ${missing.join(', ')}.`);
  }
  return missing.length === 0 ? 0 : 1;
}

/** Says what emptying the trash frees; does it only when told to, because nothing brings the runs back. */
export async function workspacePurge(_args: readonly string[], options: GlobalOptions & { readonly yes?: boolean }): Promise<number> {
  const purged = options.yes === true;
  // Looked into first: it says so where there is no workspace.
  const found = await withEngine(options, 'look', (engine) => call(engine, 'trash.plan', {}));
  const plan = purged && found.runs.length > 0 ? await emptyTrash(workspaceOf(options)) : found;
  if (options.json === true) printJson({ purged, ...plan });
  else if (plan.runs.length === 0) print('The trash is empty.');
  else {
    const what = `${runs(plan.runs.length)} and ${plan.objects} object${plan.objects === 1 ? '' : 's'} that nothing else refers to, ${(plan.bytes / 1e6).toFixed(1)} MB`;
    print(purged ? `Removed for good: ${what}.` : `In the trash: ${what}. With --yes they are removed for good.`);
  }
  return 0;
}
