/** The machines that a workspace knows: its file `machines.json`, which a person may write, too. No secret is in it. */
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { executorSchema, machineName } from '../config/executor';
import { machineSchema, machinesSchema, type Machine } from '../config/machine';
import { problemsOf } from '../config/problems';
import { RepriseError, type Problem } from '../errors/errors';
import { atomicWriteWith } from '../files/atomic-write';

const FILE = 'machines.json';

/** What `--on` calls the machine that Reprise runs on. */
export const THIS_MACHINE = 'local';

export type Machines = Readonly<Record<string, Machine>>;

/**
 * All machines by name, sorted. Read anew each time: a person may have changed the file.
 * @throws RepriseError MACHINES_INVALID
 */
export function readMachines(workspace: string): Machines {
  const file = path.join(workspace, FILE);
  const invalid = (why: string, problems: readonly Problem[] = [], cause?: unknown): RepriseError =>
    new RepriseError('MACHINES_INVALID', `${file}: ${why}.`, { kind: 'input', hint: 'Correct the file; no run is sent to another machine before.', problems, cause });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw invalid(error instanceof SyntaxError ? 'is not JSON' : 'cannot be read', [], error);
  }
  const parsed = machinesSchema.safeParse(value);
  if (!parsed.success) {
    const problems = problemsOf(machinesSchema, value, parsed.error);
    throw invalid(`${problems[0]?.path ?? '(document)'} ${problems[0]?.message ?? 'is not a list of machines'}`, problems);
  }
  return sorted(parsed.data.machines);
}

/** @throws RepriseError MACHINE_UNKNOWN with the known names, MACHINES_INVALID */
export function machineNamed(workspace: string, name: string): Machine {
  const machines = readMachines(workspace);
  const machine = machines[name];
  if (machine !== undefined && Object.hasOwn(machines, name)) return machine;
  const names = Object.keys(machines);
  throw new RepriseError('MACHINE_UNKNOWN', `There is no machine ${JSON.stringify(name)} in ${workspace}.`, {
    kind: 'input',
    hint: names.length === 0 ? 'No machine is known yet: `reprise machine add`.' : `Known machines: ${names.join(', ')}. \`reprise machine add\` makes another known.`,
  });
}

/** The same, of one kind. @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND, MACHINES_INVALID */
export function machineOfKind<K extends Machine['kind']>(workspace: string, name: string, kind: K): Extract<Machine, { readonly kind: K }> {
  const machine = machineNamed(workspace, name);
  if (machine.kind === kind) return machine as Extract<Machine, { readonly kind: K }>;
  const others = Object.entries(readMachines(workspace)).flatMap(([other, { kind: of }]) => (of === kind ? [other] : []));
  throw new RepriseError('MACHINE_KIND', `The machine ${name} is one of the kind ${machine.kind}, but the config's executor is of the kind ${kind}.`, {
    kind: 'input',
    hint: `Set executor.kind to ${machine.kind}, or ${others.length === 0 ? `add a machine of the kind ${kind}` : `name one of the kind ${kind}: ${others.join(', ')}`}.`,
  });
}

/** Checks a machine that a person described. @throws RepriseError MACHINE_INVALID with every problem at once */
export function checkMachine(name: string, input: unknown): Machine {
  const problems: Problem[] = [];
  const named = machineName.safeParse(name);
  if (!named.success) problems.push({ path: 'name', message: named.error.issues[0]?.message ?? 'is no name of a machine' });
  else if (name === THIS_MACHINE) problems.push({ path: 'name', message: `is "${THIS_MACHINE}", which means this machine itself` });
  const parsed = machineSchema.safeParse(input);
  if (!parsed.success) problems.push(...problemsOf(machineSchema, input, parsed.error));
  else problems.push(...defaultsProblems(parsed.data));
  const [first] = problems;
  if (first === undefined && parsed.success) return parsed.data;
  throw new RepriseError('MACHINE_INVALID', `The machine ${JSON.stringify(name)} cannot be added: ${first?.path ?? ''} ${first?.message ?? 'is not valid'}${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''}.`, {
    kind: 'input',
    hint: 'Correct the values listed; nothing was changed.',
    problems,
  });
}

/** Fields that a config leaves out must be those that it could have. */
function defaultsProblems({ kind, defaults }: Machine): Problem[] {
  const own = ['kind', 'machine'].filter((key) => Object.hasOwn(defaults, key));
  if (own.length > 0) return own.map((key) => ({ path: `defaults.${key}`, message: 'is said by the machine itself' }));
  const executor = { ...defaults, kind, machine: 'any' };
  const parsed = executorSchema.safeParse(executor);
  return parsed.success ? [] : problemsOf(executorSchema, executor, parsed.error).map(({ path: at, message }) => ({ path: `defaults.${at}`, message }));
}

/**
 * Makes a machine known. @param replace whether one of that name gives way
 * @throws RepriseError MACHINE_INVALID, MACHINE_EXISTS, MACHINES_INVALID
 */
export async function addMachine(workspace: string, name: string, input: unknown, replace: boolean): Promise<Machine> {
  const machine = checkMachine(name, input);
  const machines = readMachines(workspace);
  if (Object.hasOwn(machines, name) && !replace) {
    throw new RepriseError('MACHINE_EXISTS', `A machine ${JSON.stringify(name)} is known already (${machines[name]?.kind ?? 'unknown'}).`, { kind: 'input', hint: 'Choose another name, remove it first, or say that it is to be replaced.' });
  }
  await writeMachines(workspace, { ...machines, [name]: machine });
  return machine;
}

/** Forgets a machine. What lies on it stays, and runs that were there keep their record. @throws RepriseError MACHINE_UNKNOWN, MACHINES_INVALID */
export async function forgetMachine(workspace: string, name: string): Promise<void> {
  machineNamed(workspace, name);
  const { [name]: _gone, ...others } = readMachines(workspace);
  await writeMachines(workspace, others);
}

async function writeMachines(workspace: string, machines: Machines): Promise<void> {
  await mkdir(workspace, { recursive: true });
  await atomicWriteWith(path.join(workspace, FILE), async (handle) => {
    await handle.chmod(0o600);
    await handle.writeFile(`${JSON.stringify({ format: 1, machines: sorted(machines) }, null, 2)}\n`);
  });
}

function sorted(machines: Machines): Machines {
  return Object.fromEntries(Object.entries(machines).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
