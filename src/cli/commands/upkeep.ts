/** Commands that look after the store and the machine. */
import { doctor as examine } from '../../engine/doctor';
import { packageRoot, repriseVersion } from '../../engine/package-info';
import { checkWorkspace, rebuildWorkspace } from '../../engine/workspace';
import { findings, print, printJson } from '../output';
import { workspaceOf, type GlobalOptions } from '../session';

export async function workspaceCheck(_args: readonly string[], options: GlobalOptions): Promise<number> {
  const workspace = workspaceOf(options);
  const problems = await checkWorkspace(workspace);
  if (options.json === true) printJson({ ok: problems.length === 0, workspace, problems });
  else if (problems.length === 0) print(`${workspace}: database and run folders agree.`);
  else {
    for (const problem of problems) print(`${problem.path}: ${problem.message}`);
    print(`\n${problems.length} problem${problems.length === 1 ? '' : 's'}.`);
  }
  return problems.length === 0 ? 0 : 1;
}

export async function workspaceRebuild(_args: readonly string[], options: GlobalOptions): Promise<number> {
  const workspace = workspaceOf(options);
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
  else print(findings(result.checks));
  return result.ok ? 0 : 1;
}
