/** Use case: what another machine has and lacks, in rows as the doctor of this one has them. */
import type { Input, Output } from '../api/contract';
import { isCommandConfig, type RunConfig } from '../config/command';
import { toErrorReport } from '../errors/errors';
import type { EnvironmentCheck, Provenance } from '../events/provenance';
import { numericFlags } from '../provenance/runtime';
import { gigabytes, missing, ok, warning, type Check } from './checks';
import type { EngineContext } from './context';
import { readConfig } from './inputs';
import { machineNamed } from './machines';
import { withMachine } from './machines-fill';
import { keepKnown } from './machines-known';
import type { Look } from './place';
import type { PlaceFacts } from './place-facts';
import { refuseBeyondPlace } from './place-limits';
import { captureAt } from './place-provenance';
import { lookAtMachine } from './places';

/** Milliseconds by which clocks may differ without a word. */
const CLOCK_TOLERANCE_MS = 2000;

function factChecks({ os, cpu, memoryBytes, gpus }: PlaceFacts): Check[] {
  const flags = numericFlags(cpu.flags);
  return [
    ok('Operating system', `${os.name} (${os.platform} ${os.release}, ${os.arch})`),
    flags.length > 0
      ? ok('Processor', `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}; ${flags.join(' ')}`)
      : warning('Processor', `${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}; instruction sets unknown`, 'Runs there count as computed by a processor of their own: none stands in for a run of another machine.'),
    ok('Memory', gigabytes(memoryBytes)),
    ok('GPU', gpus.map(({ name, driver }) => (driver === null ? name : `${name} (driver ${driver})`)).join(', ') || 'none found'),
  ];
}

function wayChecks({ latencyMs, clockOffsetMs }: Look): Check[] {
  const off = `${Math.abs(clockOffsetMs / 1000).toFixed(1)} s ${clockOffsetMs < 0 ? 'behind' : 'ahead'}`;
  return [
    ok('Connection', `answers within ${latencyMs < 10 ? latencyMs.toFixed(1) : latencyMs.toFixed(0)} ms`),
    Math.abs(clockOffsetMs) <= CLOCK_TOLERANCE_MS ? ok('Clock', 'as here') : warning('Clock', off, 'Times of its runs are told in the clock of this machine; set the clock there all the same.'),
  ];
}

/** One requirement of the config's environment. */
function requirementCheck({ item, required, actual, ok: met, level }: EnvironmentCheck): Check {
  const name = `Asked: ${item}`;
  if (met || level === 'ignore') return ok(name, `${required}; found ${actual}`);
  const found = `asked ${required}; found ${actual}`;
  return level === 'error' ? missing(name, found, 'No run of this config starts there: use another environment, or correct the config.') : warning(name, found, 'Runs start there with a warning.');
}

function environmentChecks(config: RunConfig, { python, image, environmentCheck, problems }: Provenance): Check[] {
  const own = isCommandConfig(config) && image === undefined;
  return [
    ...(image === undefined ? [] : [ok('Image', `${image.name}, ${image.digest ?? image.id}`)]),
    ...(!own ? [] : [python == null ? warning('Python of the command', problems[0] ?? 'none that the command starts', 'Name the environment by executor.venv or executor.modules, or the program by its whole path.') : ok('Python of the command', `${python.implementation} ${python.version}, ${python.packages.length} packages, ${python.executable}`)]),
    ...environmentCheck.map(requirementCheck),
  ];
}

/** What stands in the way of a config there; the error says what to do. */
async function configChecks(context: EngineContext, config: RunConfig): Promise<Check[]> {
  try {
    await refuseBeyondPlace(config, context.workspace, context.budget);
    const place = await context.places.of(config.executor);
    return place === null ? [] : environmentChecks(config, await captureAt(place, { config, code: null }));
  } catch (error) {
    const { message, hint } = toErrorReport(error);
    return [missing('Config', message, hint ?? 'Correct the config.')];
  }
}

/** Looks at a machine and remembers what it found. @throws RepriseError MACHINE_UNKNOWN, MACHINES_INVALID, and those of reading the config */
export async function testMachine(context: EngineContext, { name, config: file }: Input<'machines.test'>): Promise<Output<'machines.test'>> {
  const { workspace } = context;
  const machine = machineNamed(workspace, name);
  const config = file === undefined ? null : (await readConfig(file, undefined, (written) => withMachine(written, workspace, name))).config;
  let facts: PlaceFacts | null = null;
  let checks: Check[];
  try {
    const look = await lookAtMachine(name, machine);
    facts = look.facts;
    checks = [...wayChecks(look), ...look.checks, ...factChecks(facts)];
  } catch (error) {
    const { message, hint } = toErrorReport(error);
    checks = [missing('Connection', message, hint ?? 'Correct the machine: remove it and add it again.')];
  }
  const testedAt = Date.now();
  const reached = facts !== null;
  await keepKnown(workspace, name, machine, { testedAt, ok: isOk(checks), checks, facts });
  context.emit('changed', { what: 'machines' });
  const all = config === null || !reached ? checks : [...checks, ...(await configChecks(context, config))];
  return { name, ok: isOk(all), testedAt, checks: all };
}

function isOk(checks: readonly Check[]): boolean {
  return checks.every(({ status }) => status !== 'missing');
}
