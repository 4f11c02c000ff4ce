/** A machine that an outpost answers for: one that SSH reaches, or a cluster by its login host. */
import type { ExecutorOf } from '../config/executor';
import type { MachineOf } from '../config/machine';
import { toErrorReport } from '../errors/errors';
import type { Link } from '../execution/remote/link';
import { prologueOf } from '../execution/remote/shell';
import { answerSchema, frame, FrameReader, METHODS, type Output } from '../outpost/protocol';
import { gigabytes, missing, ok, warning, type Check } from './checks';
import type { Look, Place } from './place';
import { placeFacts, type PlaceFacts } from './place-facts';

/** Bytes below which data and models soon find no room. */
const DISK_FLOOR = 1e9;
/** How long a cluster may take to show one of its nodes. */
const NODE_WAIT_S = 60;

type Shell = Pick<ExecutorOf<'ssh'>, 'env' | 'venv' | 'modules' | 'prologue'>;

/** @throws where an answer is not what it should be */
function factsOf({ machine, versions, cuda }: Output<'facts'>): PlaceFacts {
  return placeFacts.parse({ ...machine, versions, cuda });
}

/**
 * @param shell what comes before a program there
 * @param known of a cluster: what a test found on a node that computes. Its login host stands for it before one.
 */
export function linkedPlace(link: Link, shell: Shell, known: PlaceFacts | null): Place {
  return {
    name: link.name,
    facts: async () => known ?? factsOf((await link.call('facts', {})).value),
    image: () => Promise.resolve(null),
    async interpreter(command, env) {
      const { value } = await link.call('python', { command, env, prologue: prologueOf(shell) });
      return value;
    },
  };
}

/** Of the programs that were found there, those that matter for runs. */
const PROGRAMS: Readonly<Record<string, string>> = { python3: 'Python', docker: 'Docker', apptainer: 'Apptainer' };

/** @throws RepriseError where the machine cannot be reached, or its programs cannot be sent */
export async function lookAtLinked(link: Link, machine: MachineOf<'ssh' | 'slurm'>): Promise<Look> {
  const { base, host, aheadMs } = await link.hello();
  const before = performance.now();
  await link.call('hello', {});
  const latencyMs = performance.now() - before;
  const { value } = await link.call('facts', {});
  const own = [
    ok('Host', host),
    value.freeBytes >= DISK_FLOOR ? ok('Folder', `${base}, ${gigabytes(value.freeBytes)} free`) : warning('Folder', `${base}, ${gigabytes(value.freeBytes)} free`, 'Free some space, or name another folder for the machine: data, models and runs need it.'),
    ok('Programs of Reprise', `Node.js ${value.versions.node}, ONNX Runtime ${value.versions.onnxruntime}`),
    ...Object.entries(PROGRAMS).flatMap(([program, title]) => (value.programs[program] === undefined ? [] : [ok(title, value.programs[program])])),
  ];
  if (machine.kind === 'ssh') return { facts: factsOf(value), latencyMs, clockOffsetMs: aheadMs, checks: own };
  const cluster = await lookAtCluster(link, machine, value.programs['sbatch']);
  return { facts: cluster.node ?? factsOf(value), latencyMs, clockOffsetMs: aheadMs, checks: [...own, ...cluster.checks] };
}

/** What a program of the login host prints, or why it does not. */
async function printed(link: Link, argv: readonly string[], timeoutMs = 20_000, stdin?: Uint8Array): Promise<{ readonly stdout: Buffer } | { readonly problem: string }> {
  try {
    const { value, body } = await link.call('exec', { argv: [...argv], timeoutMs }, stdin, { patienceMs: timeoutMs });
    const stdout = body.subarray(0, value.stdoutBytes);
    if (value.exitCode === 0) return { stdout };
    return { problem: body.subarray(value.stdoutBytes).toString('utf8').trim().split('\n').at(-1) || `${argv[0] ?? ''} ended with ${value.signal ?? `exit code ${String(value.exitCode)}`}` };
  } catch (error) {
    return { problem: toErrorReport(error).message };
  }
}

interface ClusterLook {
  readonly checks: readonly Check[];
  /** A node that computes; null where none showed itself. */
  readonly node: PlaceFacts | null;
}

async function lookAtCluster(link: Link, machine: MachineOf<'slurm'>, version: string | undefined): Promise<ClusterLook> {
  if (version === undefined) return { node: null, checks: [missing('Slurm', 'there is no sbatch on the login host', 'Name the login host of a cluster, or add the machine as one of the kind ssh.')] };
  const sinfo = await printed(link, ['sinfo', '--noheader', '--format=%P|%a|%D|%c|%m|%G|%l']);
  if ('problem' in sinfo) return { node: null, checks: [ok('Slurm', version), missing('Partitions', sinfo.problem, 'The controller of the cluster does not answer: ask who runs it.')] };
  const partitions = sinfo.stdout.toString('utf8').trim().split('\n').filter((line) => line !== '').map(partitionInWords);
  const accounting = await printed(link, ['sacct', '--noheader', '--allocations', '--format=JobID', '--starttime=now']);
  const node = await nodeOf(link, machine);
  return {
    node: 'facts' in node ? node.facts : null,
    checks: [
      ok('Slurm', version),
      partitions.length > 0 ? ok('Partitions', partitions.join('; ')) : missing('Partitions', 'none', 'The cluster has no partition for this user.'),
      ok('Accounting', 'problem' in accounting ? `none that answers (${accounting.problem}); the queue and the folders of runs tell instead` : 'sacct answers'),
      'facts' in node ? ok('Compute node', `${node.facts.cpu.cores} cores, ${gigabytes(node.facts.memoryBytes)}, ${node.facts.gpus.length === 0 ? 'no GPU seen' : node.facts.gpus.map(({ name }) => name).join(', ')}`) : warning('Compute node', node.problem, 'The login host stands for the nodes until a test reaches one: test again when the queue is shorter, or set a partition (--set partition=NAME).'),
    ],
  };
}

/** `gpu* (up, 4 nodes of 32 cores, 128 GB, gpu:a100:4, at most 2-00:00:00)`; the default partition has the star. */
function partitionInWords(line: string): string {
  const [name = '', state = '', nodes = '', cores = '', memory = '', gres = '', limit = ''] = line.split('|');
  const mebibytes = Number.parseInt(memory, 10);
  return `${name} (${[state, `${nodes} ${nodes === '1' ? 'node' : 'nodes'} of ${cores} cores`, ...(mebibytes > 1 ? [gigabytes(mebibytes * 2 ** 20)] : []), ...(gres === '' || gres === '(null)' ? [] : [gres]), `at most ${limit}`].join(', ')})`;
}

/** Options of sbatch that decide which node it is, among the fields that hold for runs there. */
const CHOOSING = { partition: 'partition', account: 'account', qos: 'qos', constraint: 'constraint', gpus: 'gpus-per-node' } as const;

/** Lets a node that computes say what it is: the outpost itself is the job. */
async function nodeOf(link: Link, { defaults }: MachineOf<'slurm'>): Promise<{ readonly facts: PlaceFacts } | { readonly problem: string }> {
  const { value } = await link.call('hello', {});
  const kit = `${value.base}/kit/${value.kit}`;
  const options = Object.entries(CHOOSING).flatMap(([field, option]) => (typeof defaults[field] === 'string' || typeof defaults[field] === 'number' ? [`--${option}=${String(defaults[field])}`] : []));
  const question = frame({ id: 0, method: 'facts', input: {}, bytes: 0 });
  const told = await printed(link, ['srun', '--quiet', '--ntasks=1', '--job-name=reprise-test', '--time=5', `--immediate=${String(NODE_WAIT_S)}`, ...options, `${kit}/bin/node`, `${kit}/outpost.js`, 'serve', value.base], (NODE_WAIT_S + 60) * 1000, question);
  if ('problem' in told) return { problem: `no node answered: ${told.problem}` };
  try {
    return { facts: factsIn(told.stdout) };
  } catch {
    return { problem: 'a node answered something else than what it is' };
  }
}

/** The facts in what an outpost answered. @throws where there are none */
function factsIn(stdout: Buffer): PlaceFacts {
  let found: PlaceFacts | null = null as PlaceFacts | null;
  new FrameReader((header) => {
    const answer = answerSchema.parse(header);
    if (answer.ok) found = factsOf(METHODS.facts.output.parse(answer.value));
  }).push(stdout);
  if (found === null) throw new Error('No answer tells of the machine.');
  return found;
}
