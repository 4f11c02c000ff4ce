/** The facts on which repeating a run hangs: which are recorded, which are missing, which stand in the way, and what to do. */
import { isCommandConfig, type CommandConfig, type RunConfig } from '../config/command';
import { namesIn } from '../config/template';
import type { FactState, ScoreFact } from '../api/provenance';
import { isExact, leakageInWords, type CommandManifest, type LoggedManifest, type RunManifest, type TrainingManifest } from '../events/manifest';
import type { ImageRef, Provenance } from '../events/provenance';
import { imageOfCommand } from '../provenance/container';
import { listed } from '../provenance/sentences';
import { DETERMINISM_SWITCHES } from '../provenance/variables';

/** A fact of one run. */
export type Fact = Omit<ScoreFact, 'good' | 'of'>;

/** What is known of how a run went; null before it runs. */
export interface Outcome {
  readonly finished: boolean;
  /** Why it is not finished: its status. */
  readonly status: string;
  /** Whether other runs of the same compute hash came to the same weights; null where there is none to compare. */
  readonly repeats: boolean | null;
  /** Names of what another program logged: parameters, tags and whether it named its data. */
  readonly logged: { readonly params: readonly string[]; readonly tags: Readonly<Record<string, string>>; readonly datasets: number } | null;
}

type Group = Fact['group'];

function fact(group: Group, id: string, title: string, weight: number, state: FactState, found: string, fix: string): Fact {
  return { id, group, title, state, weight, found, fix: state === 'good' ? null : fix };
}

function codeFacts({ git, code, problems }: Provenance, isCommand: boolean): Fact[] {
  // Of a built-in training Reprise itself is the program: the person's code is what surrounds it.
  const weight = (ofCommand: number): number => (isCommand ? ofCommand : Math.ceil(ofCommand / 3));
  const facts: Fact[] = [
    fact('Code', 'code.commit', 'Commit', weight(10), git?.commit == null ? 'missing' : 'good', git?.commit ?? problems[0] ?? 'no commit', 'Keep the code in a git repository and commit it.'),
  ];
  if (git !== null) {
    const untracked = git.untracked.length;
    facts.push(
      fact('Code', 'code.clean', 'Committed changes', weight(5), git.dirty ? 'bad' : 'good', git.dirty ? `uncommitted changes${untracked === 0 ? '' : ` and ${String(untracked)} untracked files`}` : 'all is committed', 'Commit the changes, so that the commit alone names the code.'),
      fact('Code', 'code.remote', 'Remote repository', weight(3), git.remote === null ? 'missing' : 'good', git.remote ?? 'none', 'Push the code to a repository that others can reach.'),
    );
  }
  if (code === undefined) return facts;
  const withheld = code?.withheld ?? [];
  const secrets = withheld.filter(({ reason }) => reason === 'secret').map(({ path }) => path);
  const others = withheld.filter(({ reason }) => reason !== 'secret').map(({ path }) => path);
  if (code === null) return isCommand ? [...facts, fact('Code', 'code.stored', 'Stored files', 10, 'missing', problems[0] ?? 'the files were not stored', 'Put the config into the folder of its code, so that its files are stored with the run.')] : facts;
  return [
    ...facts,
    fact('Code', 'code.stored', 'Stored files', weight(10), code.complete || others.length === 0 ? 'good' : 'bad', others.length === 0 ? `${String(code.files)} files` : `not stored: ${listed(others)}`, 'Declare data under task.inputs, list what is no code in .gitignore, and keep links inside the folder.'),
    fact('Code', 'code.secrets', 'Secrets in the code', weight(5), secrets.length === 0 ? 'good' : 'bad', secrets.length === 0 ? 'none found' : `withheld: ${listed(secrets)}`, 'Read secrets from the environment, and list files that hold them in .gitignore.'),
  ];
}

/** Requirements that a lock file, the spec or an image settle. */
function packageFacts(config: CommandConfig, { python, lockFiles = [], image: resolved }: Provenance): Fact[] {
  const facts: Fact[] = [];
  const pinned = lockFiles.filter((file) => file.pinned);
  if (python !== undefined && python !== null) {
    const loose = lockFiles.filter((file) => !file.pinned).map(({ path }) => path);
    const state = pinned.length > 0 ? 'good' : loose.length > 0 ? 'bad' : 'missing';
    facts.push(fact('Environment', 'environment.pinned', 'Pinned packages', 8, state, state === 'good' ? pinned.map(({ path }) => path).join(', ') : state === 'bad' ? `unpinned: ${listed(loose)}` : 'no lock file beside the code', 'Keep a lock file beside the code, such as uv.lock, or requirements.txt with == for every package.'));
    const editable = python.packages.filter((entry) => entry.editable === true).map(({ name }) => name);
    if (editable.length > 0) facts.push(fact('Environment', 'environment.editable', 'Editable packages', 3, 'bad', listed(editable), 'Install them from a version or a commit: their code can change under the same version.'));
  }
  // The image it runs in, or that the command starts, else the one that is asked for.
  const image = nameOf(resolved) ?? imageOfCommand(Array.isArray(config.task.command) ? (config.task.command as readonly string[]) : [])?.image ?? config.environment.container;
  if (image !== undefined) {
    const exact = image.includes('@sha256:');
    facts.push(fact('Environment', 'environment.image', 'Container image', 5, exact ? 'good' : 'bad', image, 'Name the image by its digest (name@sha256:…): a tag can be moved to another image.'));
  }
  return facts;
}

/** An image with what it was resolved to; one that came from no registry has an id alone, which nobody else can fetch. */
function nameOf(image: ImageRef | undefined): string | undefined {
  return image === undefined || image.digest === null || image.name.includes('@') ? image?.name : `${image.name}@${image.digest}`;
}

function environmentFacts(config: RunConfig, provenance: Provenance): Fact[] {
  const facts: Fact[] = [];
  if (isCommandConfig(config)) {
    const { python, image } = provenance;
    // What is in an image its digest or id says.
    facts.push(fact('Environment', 'environment.interpreter', 'Interpreter and packages', 8, python == null && image === undefined ? 'missing' : 'good', python == null ? (image === undefined ? 'no Python that could be asked' : `those of the image ${image.name}`) : `${python.implementation} ${python.version}, ${String(python.packages.length)} packages`, 'Start the program by its Python (python train.py, uv run, conda run), so that its packages can be recorded.'));
    facts.push(...packageFacts(config, provenance));
  } else {
    facts.push(fact('Environment', 'environment.runtime', 'Runtime', 8, 'good', `ONNX Runtime ${provenance.versions.onnxruntime}, Reprise ${provenance.versions.reprise}`, ''));
  }
  const asked = provenance.environmentCheck.filter(({ level }) => level !== 'ignore');
  const unmet = asked.filter(({ ok }) => !ok).map(({ item, required, actual }) => `${item} ${required} (here ${actual})`);
  facts.push(
    fact('Environment', 'environment.spec', 'Stated environment', 5, asked.length === 0 ? 'missing' : unmet.length > 0 ? 'bad' : 'good', asked.length === 0 ? 'the config asks for nothing' : unmet.length > 0 ? `not met: ${listed(unmet)}` : `${String(asked.length)} requirements met`, asked.length === 0 ? 'Say under environment what the run needs, such as python.version.' : 'Use the environment that the config asks for, or correct its environment section.'),
  );
  return facts;
}

/** Whether anything of a command is written with the seed in it. */
function passesSeed({ task }: CommandConfig): boolean {
  const texts = [...(Array.isArray(task.command) ? task.command : [task.command.script]), ...Object.values(task.env)] as string[];
  return task.parameterFile !== undefined || texts.some((text) => namesIn(text).includes('seed'));
}

function trainingRandomness({ config, runtime }: TrainingManifest): Fact[] {
  const { executionProvider, threads } = runtime;
  const exact = isExact(runtime);
  return [
    fact('Randomness', 'seed', 'Seed', 10, 'good', String(config.seed), ''),
    fact('Randomness', 'determinism', 'Deterministic computation', 6, exact ? 'good' : 'bad', exact ? `one provider (cpu), ${String(threads)} pinned thread${threads === 1 ? '' : 's'}` : `computed by ${executionProvider}, which promises no order of its sums: the same run may come to other bits`, 'Set executor.provider to cpu where the bits matter; elsewhere compare within a tolerance.'),
  ];
}

function randomnessFacts(config: CommandConfig, { python, gpus, variables = {} }: Provenance): Fact[] {
  const passed = passesSeed(config);
  const facts = [fact('Randomness', 'seed', 'Seed', 10, passed ? 'good' : 'missing', passed ? String(config.seed) : 'nothing passes the seed to the program', 'Pass the seed by {seed} in an argument, a variable or the parameter file, and seed every generator with it; the program also finds it in REPRISE_SEED.')];
  if (python == null) return facts;
  const onGpu = python.torch?.cuda != null && gpus.length > 0;
  const needed = ['PYTHONHASHSEED', ...(onGpu ? ['CUBLAS_WORKSPACE_CONFIG'] : []), ...(python.packages.some(({ name }) => /^tensorflow(?:-cpu|-gpu)?$/u.test(name)) ? ['TF_DETERMINISTIC_OPS'] : [])];
  const unset = needed.filter((name) => variables[name] === undefined || variables[name] === 'random');
  const set = DETERMINISM_SWITCHES.filter((name) => variables[name] !== undefined);
  facts.push(fact('Randomness', 'determinism', 'Deterministic computation', 6, unset.length === 0 ? 'good' : 'bad', unset.length === 0 ? `${set.join(', ')} set` : `not set: ${unset.join(', ')}`, `Set ${unset.join(' and ')} under task.env${onGpu ? ' (CUBLAS_WORKSPACE_CONFIG: ":4096:8") and call torch.use_deterministic_algorithms(True)' : ''}.`));
  return facts;
}

function leakageFacts({ leakage }: TrainingManifest['data']): Fact[] {
  if (leakage === undefined) return [];
  const found = leakageInWords(leakage);
  return [fact('Data', 'data.leakage', 'Splits apart', 4, found === null ? 'good' : 'bad', found ?? 'no example is in two splits', 'Take repeated examples out of the data before they are split.')];
}

function dataFacts(manifest: TrainingManifest | CommandManifest): Fact[] {
  if (manifest.kind !== 'command') {
    const { data } = manifest;
    return [
      fact('Data', 'data.fingerprint', 'Fingerprint of the data', 10, 'good', data.fingerprint, ''),
      ...leakageFacts(data),
      fact('Data', 'data.license', 'Licence of the data', 3, data.license === 'unknown' ? 'missing' : 'good', data.license, 'Say under which licence the data may be used.'),
    ];
  }
  const { inputs } = manifest;
  const absent = inputs.filter(({ fingerprint }) => fingerprint === null).map(({ path }) => path);
  const unlicensed = inputs.filter(({ license }) => license === 'unknown').map(({ path }) => path);
  return [
    fact('Data', 'data.fingerprint', 'Fingerprint of the data', 10, inputs.length === 0 ? 'missing' : absent.length > 0 ? 'bad' : 'good', inputs.length === 0 ? 'no inputs are declared' : absent.length > 0 ? `not there: ${listed(absent)}` : `${String(inputs.length)} ${inputs.length === 1 ? 'input' : 'inputs'}`, 'Declare under task.inputs every file and folder that the program reads and that is no code.'),
    ...(inputs.length === 0 ? [] : [fact('Data', 'data.license', 'Licence of the data', 3, unlicensed.length > 0 ? 'missing' : 'good', unlicensed.length > 0 ? `unknown: ${listed(unlicensed)}` : inputs.map(({ license }) => license).join(', '), 'Give each input its licence: {path: …, license: CC-BY-4.0}.')]),
  ];
}

function resultFacts(config: RunConfig, outcome: Outcome | null): Fact[] {
  const declared = !isCommandConfig(config) || config.selection !== undefined;
  const facts = [fact('Result', 'result.metric', 'Metric declared before the run', 4, declared ? 'good' : 'missing', config.selection === undefined ? 'none' : config.selection.metric, 'Declare under selection which metric is reported, and whether less or more of it is better.')];
  if (isCommandConfig(config)) facts.push(fact('Result', 'result.outputs', 'Outputs kept', 3, config.task.outputs.length > 0 ? 'good' : 'missing', config.task.outputs.join(', ') || 'none are declared', 'Declare under task.outputs the files that the program writes and that should be kept and compared.'));
  if (outcome === null) return facts;
  facts.push(fact('Result', 'result.finished', 'Finished', 6, outcome.finished ? 'good' : 'bad', outcome.status, 'Let it finish, or retry it: a run without its end has no result to repeat.'));
  if (outcome.repeats !== null) facts.push(fact('Result', 'result.repeats', 'Repeated here', 8, outcome.repeats ? 'good' : 'bad', outcome.repeats ? 'another run came to the same weights' : 'another run of the same computation came to other weights', 'Compare the two runs: something that the record does not hold decides the result.'));
  return facts;
}

function metadataFacts({ author, description, experiment }: Pick<RunConfig, 'author' | 'description' | 'experiment'>): Fact[] {
  return [
    fact('Metadata', 'metadata.experiment', 'Name', 1, experiment === 'untitled' ? 'missing' : 'good', experiment, 'Give the experiment a name.'),
    fact('Metadata', 'metadata.author', 'Author', 2, author.trim() === '' ? 'missing' : 'good', author || 'none', 'Say under author who can be asked.'),
    fact('Metadata', 'metadata.description', 'Description', 3, description.trim() === '' ? 'missing' : 'good', description.trim() === '' ? 'none' : `${String(description.trim().length)} characters`, 'Say under description what the run is for.'),
  ];
}

/** What another program logged is all that is known: MLflow's own tags name its commit. */
function loggedFacts({ experiment, user }: LoggedManifest, outcome: Outcome): Fact[] {
  const { params, tags, datasets } = outcome.logged ?? { params: [], tags: {}, datasets: 0 };
  const seeded = params.find((name) => /(?:^|[._-])(?:seed|random_state|rng_seed)$/iu.test(name));
  const commit = tags['mlflow.source.git.commit'];
  const note = tags['mlflow.note.content'] ?? '';
  return [
    fact('Code', 'code.commit', 'Commit', 10, commit === undefined ? 'missing' : 'good', commit ?? 'not logged', 'Start the script from its git repository, or let Reprise start it as a command.'),
    fact('Code', 'code.stored', 'Stored files', 10, 'missing', 'another program logged this run', 'Let Reprise start the script as a command: its files are stored then.'),
    fact('Environment', 'environment.interpreter', 'Interpreter and packages', 8, 'missing', 'another program logged this run', 'Let Reprise start the script as a command: its packages are recorded then.'),
    fact('Randomness', 'seed', 'Seed', 10, seeded === undefined ? 'missing' : 'good', seeded ?? 'no parameter named seed', 'Log the seed as a parameter named seed.'),
    fact('Data', 'data.fingerprint', 'Fingerprint of the data', 10, datasets > 0 ? 'good' : 'missing', datasets > 0 ? `${String(datasets)} data sets` : 'none logged', 'Log the data set (mlflow.log_input), or declare it as an input of a command.'),
    fact('Result', 'result.finished', 'Finished', 6, outcome.finished ? 'good' : 'bad', outcome.status, 'Let the script end its run.'),
    ...metadataFacts({ experiment, author: user, description: note }),
  ];
}

/** All facts that apply to a run, by group. @param outcome null before it runs */
export function factsOf(manifest: RunManifest, outcome: Outcome | null): Fact[] {
  if (manifest.kind === 'logged') return loggedFacts(manifest, outcome ?? { finished: false, status: 'unknown', repeats: null, logged: null });
  const { config, provenance } = manifest;
  return [
    ...codeFacts(provenance, manifest.kind === 'command'),
    ...environmentFacts(config, provenance),
    ...(manifest.kind === 'command' ? randomnessFacts(manifest.config, provenance) : trainingRandomness(manifest)),
    ...dataFacts(manifest),
    ...resultFacts(config, outcome),
    ...metadataFacts(config),
  ];
}

/** Share of the weights whose fact is good, 0 to 100. */
export function scoreOf(facts: readonly Fact[]): number {
  const total = facts.reduce((sum, { weight }) => sum + weight, 0);
  return total === 0 ? 0 : (100 * facts.reduce((sum, { weight, state }) => sum + (state === 'good' ? weight : 0), 0)) / total;
}
