/** Takes personal paths and host names out of what goes into a bundle. */
import { homedir, hostname } from 'node:os';
import { dataPaths, withDataPaths } from '../config/data';
import { modelPath, withModelPath } from '../config/models';
import { configHash } from '../config/hash';
import type { Config } from '../config/schema';
import type { CommandManifest, TrainingManifest } from '../events/manifest';
import type { CodeSnapshot, Provenance } from '../events/provenance';
import { visible, visibleLine } from './text';

/** @param name of the parameter, tag or variable that the text is the value of */
export type Redact = (text: string, name?: string) => string;

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`);
}

export interface Machine {
  readonly home: string;
  readonly host: string;
}

/**
 * This machine, nameless where its name is a word of the runs' settings ("mnist", "linux"): in a text that repeats
 * settings, the name could not be told from that word.
 */
export function machineBeside(manifests: readonly TrainingManifest[], machine: Machine = { home: homedir(), host: hostname() }): Machine {
  const isWord = (text: string): boolean => wholeWord(machine.host).test(text);
  const settings = ({ config, runtime }: TrainingManifest): string => {
    const { author: _author, description: _description, data, ...rest } = config;
    return JSON.stringify([rest, { ...data, path: '' }, runtime]);
  };
  return machine.host !== '' && manifests.some((manifest) => isWord(settings(manifest))) ? { ...machine, host: '' } : machine;
}

function wholeWord(word: string): RegExp {
  return new RegExp(`(?<![\\w-])${escaped(word)}(?![\\w-])`, 'giu');
}

/** A path that is not part of a longer name. */
function wholePath(path: string): RegExp {
  return new RegExp(`(?<![\\w.~-])${escaped(path)}(?![\\w-])`, 'gu');
}

/** Home folders of any user, on any system, with both kinds of slash. */
const HOMES = /(?<![\w.~])(?:\/home\/[^/\s"'<>:;,()]+|\/Users\/[^/\s"'<>:;,()]+|\/root(?=[/\s"'<>:;,()]|$)|[A-Za-z]:[\\/]+Users[\\/]+[^\\/\s"'<>:;,()]+)/gu;
/** Credentials in a URL: `https://user:token@host/`. */
const CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^/\s@"']+@/giu;

/**
 * A function that replaces the given folders by `<folder>`, home folders by `~`, this machine's name by
 * `<host>` and credentials in URLs by nothing.
 */
export function createRedact(privatePaths: readonly string[], machine: Machine = { home: homedir(), host: hostname() }): Redact {
  const paths = [...privatePaths]
    .map((path) => path.replace(/[\\/]+$/u, ''))
    .filter((path) => path.length >= 4)
    .sort((a, b) => b.length - a.length);
  const replacements: [RegExp, string][] = paths.map((path) => [wholePath(path), '<folder>']);
  if (machine.home.length >= 4) replacements.push([wholePath(machine.home.replace(/[\\/]+$/u, '')), '~']);
  replacements.push([HOMES, '~'], [CREDENTIALS, '$1']);
  // A name as short or as common as `pc` or `localhost` would be found inside ordinary words.
  if (machine.host.length >= 4 && machine.host !== 'localhost') replacements.push([wholeWord(machine.host), '<host>']);
  return (text) => replacements.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}

/** A path that means the same wherever it is read, on any system. */
function isAbsolute(path: string): boolean {
  return /^(?:[\\/]|[A-Za-z]:[\\/])/u.test(path);
}

/** Folders of data and models that configs name by an absolute path; their texts name them too. */
export function dataFolders(manifests: readonly TrainingManifest[]): string[] {
  const named = manifests.flatMap(({ config: { data, model } }) => [...dataPaths(data).map(({ path }) => path), modelPath(model) ?? '']);
  const paths = named.filter((path) => isAbsolute(path));
  return [...new Set(paths.map((path) => path.replace(/[\\/]+[^\\/]*$/u, '')))];
}

/** The config without personal text: only its labels and an absolute path are changed, nothing that decides a number. */
function redactConfig(config: Config, clean: Redact): Config {
  const { data, model } = config;
  const labelled = { ...config, author: visibleLine(clean(config.author)), description: clean(config.description) };
  const baseName = (path: string): string => path.split(/[\\/]+/u).findLast((part) => part !== '') ?? 'data';
  const portablePath = (path: string): string => (isAbsolute(path) ? baseName(path) : path);
  return { ...labelled, data: withDataPaths(data, portablePath), model: withModelPath(model, portablePath) };
}

/**
 * A manifest without personal text: free text and an absolute data path, whose base name stays. All else is data that
 * hashes are made of, or captured code, which would not apply with other bytes. `configHash` is that of the config as
 * it is answered.
 */
export function redactManifest(manifest: TrainingManifest, redact: Redact): TrainingManifest {
  const clean: Redact = (text) => visible(redact(text));
  const config = redactConfig(manifest.config, clean);
  return {
    ...manifest,
    config,
    configHash: configHash(config),
    data: { ...manifest.data, source: visibleLine(clean(manifest.data.source)) },
    provenance: redactProvenance(manifest.provenance, clean),
  };
}

/** What is withheld is not there elsewhere, and its digest says nothing without the workspace's key. */
function portable({ withheldDigest: _digest, ...code }: CodeSnapshot): CodeSnapshot {
  return code;
}

function redactProvenance(provenance: Provenance, clean: Redact): Provenance {
  const { git, code } = provenance;
  const line = (text: string): string => visibleLine(clean(text));
  return {
    ...provenance,
    problems: provenance.problems.map((problem) => clean(problem)),
    ...(provenance.python == null ? {} : { python: { ...provenance.python, executable: line(provenance.python.executable), prefix: line(provenance.python.prefix) } }),
    ...(provenance.variables === undefined ? {} : { variables: Object.fromEntries(Object.entries(provenance.variables).map(([name, value]) => [name, clean(value)])) }),
    ...(code == null ? {} : { code: portable(code) }),
    git:
      git === null
        ? null
        : {
            ...git,
            branch: git.branch === null ? null : visibleLine(git.branch),
            remote: git.remote === null ? null : line(git.remote),
            ...(git.remotes === undefined ? {} : { remotes: git.remotes.map(({ name, url }) => ({ name: visibleLine(name), url: line(url) })) }),
          },
  };
}

/** Every text in a value, at any depth. */
function mapTexts(value: unknown, change: Redact, name?: string): unknown {
  if (typeof value === 'string') return change(value, name);
  if (Array.isArray(value)) return value.map((entry) => mapTexts(entry, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, mapTexts(entry, change, key)]));
}

/**
 * A command's manifest without personal text: its labels, and whatever in its task, parameters and inputs names a person's
 * folders or holds a secret. `configHash` is that of the config as it is answered; where a setting had to be changed the
 * run cannot be repeated as it was, which the compute hash of a re-execution shows.
 */
export function redactCommandManifest(manifest: CommandManifest, redact: Redact): CommandManifest {
  const clean: Redact = (text) => visible(redact(text));
  const { config } = manifest;
  const cleaned: CommandManifest['config'] = {
    ...config,
    author: visibleLine(clean(config.author)),
    description: clean(config.description),
    task: mapTexts(config.task, (text) => redact(text)) as CommandManifest['config']['task'],
    params: mapTexts(config.params, redact) as CommandManifest['config']['params'],
  };
  return {
    ...manifest,
    config: cleaned,
    configHash: configHash(cleaned),
    inputs: manifest.inputs.map((input) => ({ ...input, path: redact(input.path) })),
    provenance: redactProvenance(manifest.provenance, clean),
  };
}
