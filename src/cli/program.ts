/** The `reprise` command: its grammar. What each command does is in commands/. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { repriseVersion } from '../engine/package-info';
import { exitCodeOf } from '../errors/errors';
import { exportRuns, importCommand } from './commands/importing';
import { deleteCommand, restore, workspacePurge } from './commands/deleting';
import { files } from './commands/files';
import { logs } from './commands/logs';
import { machineClean } from './commands/machine-clean';
import { machineAdd, machineList, machineRemove, machineTest } from './commands/machine';
import { compare, diff, runs } from './commands/looking';
import { ablate, cancel, resume, retry, run } from './commands/training';
import { checkout } from './commands/restoring';
import { score } from './commands/scoring';
import { exportCommand, report, reproduce, verify } from './commands/sharing';
import { search } from './commands/searching';
import { doctor, workspaceCheck, workspaceRebuild } from './commands/upkeep';
import { serve } from './commands/serving';
import { sample } from './commands/sample';
import { printJson, sayError, surviveClosedOutput } from './output';
import { reportOf } from './reported-error';
import type { GlobalOptions } from './session';

function seedNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/u.test(text) || value > 0xffff_ffff) throw new InvalidArgumentError('It must be a whole number from 0 to 4294967295.');
  return value;
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/u.test(text) || value < 1 || value > 65_535) throw new InvalidArgumentError('It must be a whole number from 1 to 65535.');
  return value;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/u.test(text)) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return Number(text);
}

const ON = 'machine in place of that of the config (reprise machine list); local: this one';

/** A command's body: takes what the user gave and answers with the exit code. */
type Body<Options> = (args: readonly string[], options: Options & GlobalOptions) => Promise<number>;

function build(onExit: (code: number) => void): Command {
  const program = new Command('reprise')
    .description('Design ablations, train them, compare them over seeds, and export bundles that re-execute themselves.')
    .version(repriseVersion)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();

  const add = <Options>(parent: Command, usage: string, description: string, body: Body<Options>): Command =>
    parent
      .command(usage)
      .description(description)
      .option('--workspace <dir>', "folder of the store (default: the user's data folder, or REPRISE_WORKSPACE)")
      .option('--json', 'one JSON document on stdout')
      .exitOverride()
      .action(async (...received: unknown[]) => {
        const command = received.at(-1) as Command;
        onExit(await body(command.processedArgs.flat() as string[], command.opts<Options & GlobalOptions>()));
      });

  add(program, 'run <config>', 'train one run, or run a program once', run).option('--seed <n>', "seed in place of the config's", seedNumber).option('--fresh', 'do not take up an interrupted run of the same config').option('--on <machine>', ON);
  add(program, 'ablate <study>', 'run an ablation', ablate).option('--dry-run', 'print variants, runs, reuse and estimated time; run nothing').option('--no-reuse', 'run everything anew').option('--on <machine>', ON);
  add(program, 'resume', 'go on with runs that were interrupted or queued', resume);
  add(program, 'retry <run>', 'run a failed or cancelled run again: a training from its last checkpoint, a command anew', retry);
  add(program, 'cancel <run>', 'cancel a run that is queued or interrupted', cancel);
  add(program, 'runs', 'list runs', runs).option('--experiment <name>', 'only the runs of this experiment');
  add(program, 'logs <run>', 'print what the program of a run printed, stdout and stderr in the order in which it came; of a training its event log', logs)
    .option('--stdout', 'only what it wrote to stdout')
    .option('--stderr', 'only what it wrote to stderr')
    .option('--attempt <n>', 'of this attempt (default: the newest)', count)
    .option('--tail <n>', 'only the last n lines', count)
    .option('--follow', 'go on until the run is at its end; with --json the document comes then');
  add(program, 'files <run> [path]', 'list the files that a run kept, with size and hash, or save them', files)
    .addOption(new Option('--save-to <folder>', 'write them into this folder, by their paths').conflicts('out'))
    .option('-o, --out <file>', 'write the one file that is named to this place')
    .option('--force', 'overwrite existing files');
  add(program, 'delete <runs...>', 'put runs that are at an end into the trash', deleteCommand);
  add(program, 'restore <runs...>', 'bring deleted runs back, by their full ids', restore);
  add(program, 'checkout <run>', 'write the code of a run, as it was, into a new folder', checkout).requiredOption('-o, --out <dir>', 'folder to make');
  add(program, 'score <target>', 'how fit a run, an experiment or a config file is to be repeated, and what to do about it', score);
  add(program, 'search [filter]', "find runs: \"metrics.val_loss < 0.1 and params.optimizer = 'adam'\", or words", search)
    .option('--order <fields>', 'such as "metrics.acc desc, params.lr" (default: the newest first)')
    .option('--show <fields>', 'columns besides those that filter and order mention')
    .option('--limit <n>', 'at most so many rows (default: 100)', count)
    .option('--experiment <name>', 'only the runs of this experiment')
    .option('--deleted', 'only deleted runs')
    .option('--group-by <fields>', 'one row for runs that are equal in these; with --order METRIC its mean, sd, minimum and maximum')
    .option('--group-all-but [params]', 'one row for runs that are equal in all parameters but these (default: seed)');
  add(program, 'compare <experiment>', 'compare the variants of an experiment over seeds', compare).option('--metric <name>', 'compare by another metric than the declared one: macroF1, "test macro F1", a series');
  add(program, 'diff <left> <right>', 'differences of config, environment, code and data between two runs', diff);
  add(program, 'report <target>', 'write the report of an experiment or a run', report)
    .requiredOption('-o, --out <file>', 'file to write')
    .option('--format <format>', "md or html (default: by the file's name, else md)")
    .option('--force', 'overwrite an existing file');
  add(program, 'export <target>', 'export an experiment or a run as a reproduction bundle', exportCommand)
    .requiredOption('-o, --out <file>', 'file to write, NAME.crate.zip')
    .option('--license <id>', 'SPDX identifier of the licence you share it under, such as CC-BY-4.0')
    .option('--no-data', "leave the data set or the inputs out; the bundle then states their fingerprints")
    .option('--no-calibrate', 'do not measure the tolerance by re-runs; use the default')
    .option('--force', 'overwrite an existing file');
  add(program, 'import <path>', "import runs: MLflow's mlruns or mlflow.db, TensorBoard logs, W&B's offline folders, a table (CSV, JSON, JSON lines, Parquet)", importCommand)
    .option('--format <format>', 'mlruns, mlflow-db, tensorboard, wandb, csv, json, jsonl or parquet (default: by what is there)')
    .option('--experiment <name>', 'experiment that all runs go into')
    .option('--metric <columns...>', 'columns of a table of runs that hold metrics')
    .option('--rows <what>', "what the rows of a table are: runs or points (default: by the columns' names)")
    .option('--dry-run', 'tell what is there; import nothing');
  add(program, 'export-runs <target>', 'write the runs of an experiment in a form that other programs read', exportRuns)
    .requiredOption('-o, --out <path>', 'file, or folder for mlruns')
    .option('--format <format>', "mlruns, csv, json, jsonl or parquet (default: by the file's name, mlruns for a folder)")
    .option('--rows <what>', 'rows of a table: runs or points (default: runs)')
    .option('--force', 'overwrite an existing file');
  add(program, 'verify <file>', 'check every hash of a bundle; runs nothing', verify);
  add(program, 'reproduce <file>', 're-execute a bundle and say whether the result held', reproduce)
    .option('--trust <digest>', 'consent to run the bundle with this digest')
    .option('--runs <n>', 're-execute only the first n runs', count)
    .option('--data <path>', 'the CSV file, or the folder of the inputs, for a bundle that was exported without them');
  add(program, 'sample', 'run the sample ablation and write its report and bundle', sample);
  add(program, 'serve', 'take in the runs of MLflow clients until Ctrl-C; starts no queued runs', serve).option('--port <n>', 'port of this machine (default: the one it had last, or any that is free)', port);
  const machine = program.command('machine').description('machines besides this one that runs can go to').exitOverride();
  add(machine, 'add <name> <kind>', 'make a machine known: docker (an engine), ssh (a host), slurm (a cluster)', machineAdd)
    .option('--ssh <host>', 'user@host[:port] that SSH reaches; a Slurm cluster without it has this machine as its login host')
    .option('--jump <hosts...>', 'user@host[:port] of hosts that lead there, the nearest first')
    .option('--identity <file>', "private key (default: the agent's and the usual ones)")
    .option('--fingerprint <sha256...>', 'trust host keys with these fingerprints, SHA256:…, without asking')
    .option('--host <url>', 'where Docker Engine listens: unix:///PATH or tcp://HOST:PORT (default: unix:///var/run/docker.sock)')
    .option('--tls <folder>', 'ca.pem, cert.pem and key.pem for a Docker Engine over tcp')
    .option('--folder <path>', 'folder there for programs, data and runs (default: ~/.reprise)')
    .option('--most-runs <n>', 'runs under way there at once', count)
    .option('--set <fields...>', 'executor fields that hold there unless a config says otherwise, such as partition=gpu time=2:00:00')
    .option('--replace', 'in place of a machine of that name');
  add(machine, 'list', 'machines that are known', machineList);
  add(machine, 'test <name>', 'what a machine has and lacks', machineTest).option('--config <file>', 'compare it with what this config asks for');
  add(machine, 'clean <name>', 'remove from a machine what no run needs: programs of other versions, files, folders of runs that are over', machineClean)
    .option('--dry-run', 'say what lies there and what would go; remove nothing')
    .option('--older-than <days>', 'days for which folders of runs that are over are kept (default: 30)', count);
  add(machine, 'remove <name>', 'forget a machine; its runs stay', machineRemove);
  const workspace = program.command('workspace').description('the store against the run folders').exitOverride();
  add(workspace, 'check', 'compare the database with the run folders', workspaceCheck);
  add(workspace, 'rebuild', 'make the database again from the run folders', workspaceRebuild);
  add(workspace, 'purge', 'say what emptying the trash frees', workspacePurge).option('--yes', 'remove the deleted runs for good');
  add(program, 'doctor', 'what this machine has and lacks', doctor);
  return program;
}

/** Runs the command line. @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  let code = 0;
  surviveClosedOutput();
  try {
    await build((exit) => {
      code = exit;
    }).parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      // The sentence itself stands on stderr already.
      if (args.includes('--json')) printJson({ error: { code: 'USAGE', kind: 'input', message: error.message.replace(/^error: /u, '') } });
      return 2;
    }
    const report = reportOf(error);
    if (args.includes('--json')) printJson({ error: report });
    sayError(report);
    return exitCodeOf(report.kind);
  }
}
