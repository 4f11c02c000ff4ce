/** A cluster's commands on its login host: what it is, and how a script is handed to it once. */
import { RepriseError } from '../../errors/errors';
import type { Link } from '../remote/link';
import { isSilence, type Login } from './queue';

/** How long a command of Slurm may take: a controller under load answers late. */
const TIMEOUT_MS = 60_000;
const WORDS_BYTES = 2000;

/**
 * Lines that leave in `job.new` the number of the job whose folder is `$1`, if the queue has one. A queue that cannot be
 * asked ends the script: a job that is there must not be taken for one that is not.
 */
const FROM_QUEUE = String.raw`
squeue --noheader --all --states=all --format='%F|%Z' >queue || exit
while IFS='|' read -r id folder; do [ "$folder" = "$1" ] && echo "$id" && break; done <queue >job.new
rm -f queue`;

/**
 * `sh -c SUBMIT sh FOLDER LINES`: makes FOLDER, writes the script (the first LINES lines of the input) and the names of
 * the runs (the rest), submits the script and prints the job's number. Asked again, because the answer was lost, it
 * prints the number it had then: out of `job`, or else out of the queue, where the job is found by its folder.
 */
const SUBMIT = `
umask 077
mkdir -p "$1" && cd "$1" || exit 1
awk -v lines="$2" 'NR <= lines { print > "slurm.sh"; next } { print > "runs" }' || exit 1
exec 9>lock
flock 9 2>/dev/null
if [ ! -s job ] && [ -e tried ]; then${FROM_QUEUE}
  [ -s job.new ] && mv job.new job
fi
if [ ! -s job ]; then
  : >tried
  sbatch --parsable slurm.sh >job.new 9>&- || exit
  mv job.new job
fi
cat job
`;

/** The number of a job that a folder was submitted as, if it was. */
const FIND = `
cd "$1" 2>/dev/null && [ -e tried ] || exit 0
if [ -s job ]; then cat job; exit; fi${FROM_QUEUE}
cat job.new
`;

export interface ClusterFacts {
  readonly name: string;
  /** Runs that one array may have. */
  readonly largestArray: number;
}

export class Cluster {
  readonly #link: Link;
  #facts: Promise<ClusterFacts> | null = null;

  constructor(link: Link) {
    this.#link = link;
  }

  readonly login: Login = async (argv) => this.#exec(argv);

  /** @throws RepriseError SLURM_MISSING, SLURM_UNREACHABLE */
  facts(): Promise<ClusterFacts> {
    this.#facts ??= this.#ask().catch((error: unknown) => {
      this.#facts = null;
      throw error;
    });
    return this.#facts;
  }

  /**
   * Submits a script, once however often it is asked.
   * @returns the number of the job, or of the array
   * @throws RepriseError SUBMISSION_REFUSED, SLURM_UNREACHABLE
   */
  async submit(folder: string, script: string, runIds: readonly string[]): Promise<number> {
    const { exitCode, stdout, stderr } = await this.#exec(['sh', '-c', SUBMIT, 'sh', folder, String(script.split('\n').length - 1)], `${script}${runIds.join('\n')}\n`);
    const id = numberIn(stdout);
    if (exitCode === 0 && id !== null) return id;
    throw refusal(this.#link.name, stderr.trim() || `sbatch ended with exit code ${exitCode ?? 'unknown'}`);
  }

  /** The number that a folder was submitted as, where nobody heard it; null where it was not. */
  async find(folder: string): Promise<number | null> {
    const { exitCode, stdout, stderr } = await this.#exec(['sh', '-c', FIND, 'sh', folder]);
    if (exitCode === 0) return numberIn(stdout);
    throw unreachable(this.#link.name, stderr.trim() || 'squeue does not tell of its jobs');
  }

  /** The last lines that the script of a job printed, and what Slurm said of it. */
  async lastWords(folder: string, index: number | null, runFolder: string): Promise<string> {
    return (await this.#exec(['tail', '-q', '-c', String(WORDS_BYTES), `${runFolder}/slurm.out`, `${folder}/${index ?? 0}.out`])).stdout;
  }

  async #ask(): Promise<ClusterFacts> {
    const { exitCode, stdout, stderr } = await this.#exec(['scontrol', 'show', 'config']).catch((error: unknown) => {
      if (!(error instanceof RepriseError) || error.code !== 'PROGRAM_NOT_STARTED') throw error;
      throw new RepriseError('SLURM_MISSING', `${this.#link.name} has no Slurm: there is no scontrol on the PATH.`, { kind: 'input', hint: 'Name a login host of the cluster, on which sbatch works.', cause: error });
    });
    const of = (name: string): string | undefined => new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'mu').exec(stdout)?.[1];
    const name = of('ClusterName');
    if (exitCode !== 0 || name === undefined) throw refusal(this.#link.name, stderr.trim() || 'scontrol tells of no cluster');
    return { name, largestArray: Number(of('MaxArraySize') ?? 1001) };
  }

  async #exec(argv: readonly string[], input = ''): ReturnType<Login> {
    const { value, body } = await this.#link.call('exec', { argv: [...argv], timeoutMs: TIMEOUT_MS }, Buffer.from(input));
    return { exitCode: value.exitCode, stdout: body.toString('utf8', 0, value.stdoutBytes), stderr: body.toString('utf8', value.stdoutBytes) };
  }
}

/** sbatch prints `12`, or `12;cluster`. */
function numberIn(text: string): number | null {
  const number = /^\d+/u.exec(text)?.[0];
  return number === undefined ? null : Number(number);
}

function refusal(machine: string, why: string): RepriseError {
  return isSilence(why)
    ? unreachable(machine, why)
    : new RepriseError('SUBMISSION_REFUSED', `${machine} did not take the job: ${why}`, { kind: 'input', hint: 'Correct the `executor` of the config, or the machine\'s defaults.' });
}

/** Whether the same may go well later: the controller or the way to it is away. */
export function isAway(error: unknown): boolean {
  return error instanceof RepriseError && (error.code === 'SLURM_UNREACHABLE' || error.code === 'MACHINE_UNREACHABLE');
}

function unreachable(machine: string, why: string): RepriseError {
  return new RepriseError('SLURM_UNREACHABLE', `The cluster behind ${machine} does not answer: ${why}`, { kind: 'system', hint: 'Try again when its controller is back.' });
}
