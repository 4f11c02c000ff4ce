/** Parameters that a client logs: what is new of them, and what contradicts what is known. */
import { leavesOf } from '../../config/leaves';
import type { EventBody } from '../../events/records';
import { entryOf, runOf, type MlflowContext } from './context';
import { invalid } from './errors';

const plain = (text: string): string => text.trim().toLowerCase();

/** Python and JavaScript write some values differently: `1e-05`, `True`, `None`. */
function isSame(before: string, value: string): boolean {
  const a = plain(before);
  const b = plain(value);
  if (a === '' || b === '') return a === b;
  return Number(a) === Number(b) || (a === b && (a === 'true' || a === 'false')) || (a === 'null' && b === 'none');
}

/** Names of the parameters that a command run has of its config. */
function configured({ store }: MlflowContext, runId: string): ReadonlySet<string> {
  const manifest = store.manifest(runId);
  return manifest.kind === 'command' ? new Set([...leavesOf(manifest.config.params).keys(), 'seed']) : new Set();
}

/**
 * Records of what is new. A command's program may log again what its config says, as scripts do: where it says
 * otherwise the config stays, and the run's messages tell of it.
 * @throws MlflowError INVALID_PARAMETER_VALUE where one that was logged has another value
 */
export function paramRecords(context: MlflowContext, runId: string, given: Readonly<Record<string, string>>): EventBody[] {
  if (Object.keys(given).length === 0) return [];
  const { run, params: known } = runOf(context, runId);
  const fresh: [name: string, value: string][] = [];
  const notes: EventBody[] = [];
  for (const [name, value] of Object.entries(given)) {
    const before = entryOf(known, name);
    if (before === undefined) fresh.push([name, value]);
    else if (before !== value) {
      if (run.kind !== 'command' || !configured(context, runId).has(name)) {
        throw invalid(`Changing param values is not allowed. Param with key='${name}' was already logged with value='${before}' for run ID='${runId}'. Attempted logging new value '${value}'.`);
      }
      if (!isSame(before, value)) notes.push({ type: 'message', level: 'warning', text: `The program logged the parameter ${name} as "${value}", but the config says "${before}", which stays.` });
    }
  }
  return [...(fresh.length > 0 ? [{ type: 'params', params: Object.fromEntries(fresh) } as const] : []), ...notes];
}
