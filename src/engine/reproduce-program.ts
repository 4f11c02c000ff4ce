/** The program of a bundle's command on this machine. */
import { homedir } from 'node:os';
import path from 'node:path';
import type { CommandConfig } from '../config/command';
import { fillTask } from '../config/task';
import { findProgram } from '../provenance/find-interpreter';

/** By which names a program may be found on the PATH. */
function namesOf(program: string): string[] {
  const name = program.split(/[/\\]/u).at(-1) ?? program;
  return /^python[\d.]*(?:\.exe)?$/iu.test(name) ? [...new Set([name, 'python3', 'python'])] : [name];
}

/**
 * The config with a program that can be started here. One that the author named by a place on another machine
 * (`~/venv/bin/python`, `/opt/conda/bin/python3`, `.venv/bin/python`) is the one that lies there or, where none does, the
 * one of that name on the PATH. A program of the code itself and one without a path stay as they are.
 * @param code paths of the files that the code state brings
 * @param folder the folder of the config among them
 * @returns the reason, where there is no such program
 */
export async function withProgramHere(config: CommandConfig, code: ReadonlySet<string>, folder: string): Promise<CommandConfig | string> {
  const task = fillTask(config);
  const { command } = config.task;
  const [program = ''] = Array.isArray(task.command) ? (task.command as readonly string[]) : [];
  if (!Array.isArray(command) || !/[/\\]/u.test(program) || code.has(path.posix.join(folder, task.cwd, program))) return config;
  const surroundings = { cwd: homedir(), env: process.env };
  const started = (name: string): CommandConfig => ({ ...config, task: { ...config.task, command: [name.replaceAll('{', '{{'), ...command.slice(1)] } });
  const place = program.startsWith('~/') ? path.join(homedir(), program.slice(2)) : program;
  if (path.isAbsolute(place) && (await findProgram(place, surroundings)) !== null) return place === program ? config : started(place);
  for (const name of namesOf(program)) if ((await findProgram(name, surroundings)) !== null) return started(name);
  return `there is no program ${program} on this machine, nor one called ${namesOf(program).join(' or ')} on the PATH; activate an environment that has it`;
}
