/** Commands that look after the store and the machine. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { doctor as examine } from '../../engine/doctor';
import { packageRoot, repriseVersion } from '../../engine/package-info';
import { RepriseError } from '../../errors/errors';
import { checkWorkspace } from '../../store/check';
import { rebuildWorkspace } from '../../store/rebuild';
import { print, printJson, table } from '../output';
import { workspaceOf, type GlobalOptions } from '../session';

/** @throws RepriseError WORKSPACE_NOT_FOUND */
function existingWorkspace(options: GlobalOptions): string {
  const workspace = workspaceOf(options);
  if (!existsSync(workspace) || !(existsSync(join(workspace, 'reprise.db')) || existsSync(join(workspace, 'runs')))) {
    throw new RepriseError('WORKSPACE_NOT_FOUND', `${workspace}: there is no workspace.`, { kind: 'input', hint: 'Check --workspace; a workspace is made by the first run.' });
  }
  return workspace;
}

export async function workspaceCheck(_args: readonly string[], options: GlobalOptions): Promise<number> {
  const workspace = existingWorkspace(options);
  const problems = await checkWorkspace(workspace);
  if (options.json === true) printJson({ ok: problems.length === 0, workspace, problems });
  else if (problems.length === 0) print(`${workspace}: database and run folders agree.`);
  else {
    for (const problem of problems) print(`${problem.path}: ${problem.message}`);
    print(`\n${problems.length} problem${problems.length === 1 ? '' : 's'}. The run folders are the truth: reprise workspace rebuild makes the database again from them.`);
  }
  return problems.length === 0 ? 0 : 1;
}

export async function workspaceRebuild(_args: readonly string[], options: GlobalOptions): Promise<number> {
  const workspace = existingWorkspace(options);
  const result = await rebuildWorkspace(workspace);
  if (options.json === true) printJson({ workspace, ...result });
  else {
    print(`${workspace}: rebuilt from ${result.runs} run folder${result.runs === 1 ? '' : 's'}.`);
    if (result.backup !== null) print(`The old database is kept as ${result.backup}.`);
    for (const problem of result.problems) print(`  ${problem.path}: ${problem.message}`);
  }
  return result.problems.length === 0 ? 0 : 1;
}

export async function doctor(_args: readonly string[], options: GlobalOptions): Promise<number> {
  const result = await examine({ workspace: workspaceOf(options), packageRoot, repriseVersion });
  if (options.json === true) printJson(result);
  else {
    print(table(['', 'item', 'found'], result.checks.map((check) => [check.status, check.name, check.found])));
    for (const check of result.checks) if (check.hint !== null) print(`${check.name}: ${check.hint}`);
  }
  return result.ok ? 0 : 1;
}
