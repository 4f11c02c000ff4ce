/** Checks of what a person wrote before a workspace is made for it: bad input leaves nothing behind. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { expandStudy } from '../ablation/expand';
import { isCommandConfig, type RunConfig } from '../config/command';
import { budgetHere } from './budget-here';
import { refuseMissingInputs } from './commands-identity';
import { IdentityFinder } from './identity';
import { naming, readConfig, readStudy } from './inputs';
import { withMachine } from './machines-fill';
import { refuseBeyondPlace } from './place-limits';
import { inputsOf, RunPlanner } from './plan-runs';
import { refuseSecrets } from './refuse-secrets';
import { inScratchFolder } from './scratch';
import { refuseEnvironment } from './warnings';

/** Reads data and builds graphs in a throw-away folder; where a workspace stands already, starting the run checks the same. */
async function tryOut(workspace: string, file: string, folder: string, configs: readonly RunConfig[]): Promise<void> {
  const budget = budgetHere(availableParallelism());
  await naming(file, async () => {
    for (const config of configs) {
      await refuseBeyondPlace(config, workspace, budget);
      refuseSecrets(config);
    }
  });
  if (existsSync(workspace)) return;
  await inScratchFolder((scratch) => {
    const finder = new IdentityFinder(scratch, folder);
    return naming(file, async () => {
      for (const config of configs) {
        if (isCommandConfig(config)) refuseMissingInputs(config, folder);
        else await finder.find(config);
      }
      const [first] = configs;
      // Another machine is asked by the engine, before it makes anything.
      if (first === undefined || first.executor.kind !== 'local' || Object.keys(first.environment).length === 0) return;
      refuseEnvironment(await new RunPlanner({ workspace: scratch, folder, codeFolder: folder, config: first, inputs: inputsOf(configs, folder) }).provenance());
    });
  });
}

/** @param on name of a machine in place of the config's @throws RepriseError of the config, its data or its model, ENVIRONMENT_MISMATCH, MACHINE_UNKNOWN, CONFIG_HOLDS_SECRET, all of kind `input` */
export async function preflightConfig(workspace: string, file: string, seed?: number, on?: string): Promise<void> {
  const { config, folder } = await readConfig(file, seed, (written) => withMachine(written, workspace, on));
  await tryOut(workspace, file, folder, [config]);
}

/** @throws RepriseError of the study, its data or its models, ENVIRONMENT_MISMATCH, MACHINE_UNKNOWN, CONFIG_HOLDS_SECRET, all of kind `input` */
export async function preflightStudy(workspace: string, file: string, on?: string): Promise<void> {
  const { study, folder } = await readStudy(file, (written) => withMachine(written, workspace, on));
  await tryOut(workspace, file, folder, expandStudy(study).map((variant) => variant.config));
}
