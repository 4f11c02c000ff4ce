/** Images that are built for a run: of a Dockerfile in its captured code, never of the folder as it lies there by now. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { canonicalJson } from '../../config/hash';
import type { ExecutorOf } from '../../config/executor';
import { RepriseError } from '../../errors/errors';
import type { CodeSnapshot, ImageRef } from '../../events/provenance';
import { OutputKeeper } from '../../provenance/command-output';
import { readObject, readSnapshot } from '../../provenance/snapshot';
import type { Order } from '../executor';
import { packedFiles, type ArchiveFile } from './archive';
import type { Engine } from './client';
import { lookUp, type ImageRequest } from './image';
import { dockerProblem } from './problems';
import { progressLines, throttled } from './progress';

/** What building an image printed, in the format of a command's output. */
export const BUILD_LOG = 'build.jsonl';
/** Bytes of it that are kept. */
const LOG_LIMIT = 16 * 2 ** 20;
/** Of a build that failed, so many of its last lines are told. */
const LAST_LINES = 15;

type Build = NonNullable<ExecutorOf<'docker'>['build']>;

export interface BuildOptions {
  /** The image's name, which says all that it is made of. */
  readonly tag: string;
  /** A fresh tar stream. */
  readonly context: () => Readable;
  /** Inside the context. */
  readonly dockerfile: string;
  readonly target?: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** Null: the engine's usual one. */
  readonly network: string | null;
  /** What it printed is kept here. */
  readonly log: string;
}

/** @throws RepriseError IMAGE_BUILD_FAILED with the builder's last words, DOCKER_… */
async function build({ docker, address }: Engine, options: BuildOptions, { pull, tell, signal }: ImageRequest): Promise<void> {
  const output = new OutputKeeper(options.log, LOG_LIMIT);
  const say = throttled(tell);
  const last: string[] = [];
  const print = (text: string): void => {
    output.push('stdout', Buffer.from(text));
    for (const line of text.split('\n')) if (line.trim() !== '') last.push(line);
    last.splice(0, last.length - LAST_LINES);
    say(() => `The image is built: ${last.at(-1) ?? ''}`);
  };
  try {
    const stream = await docker.buildImage(options.context(), {
      t: options.tag,
      dockerfile: options.dockerfile,
      buildargs: { ...options.args },
      rm: true,
      forcerm: true,
      ...(options.target === undefined ? {} : { target: options.target }),
      ...(options.network === null ? {} : { networkmode: options.network }),
      ...(pull === 'always' ? { pull: true } : {}),
      ...(signal === undefined ? {} : { abortSignal: signal }),
    });
    for await (const line of progressLines(stream)) {
      if (line.stream !== undefined) print(line.stream);
      if (line.error === undefined) continue;
      print(`${line.error}\n`);
      throw new RepriseError('IMAGE_BUILD_FAILED', `The image cannot be built of ${options.dockerfile}. The builder's last words:\n${last.join('\n')}`, { hint: 'Correct the Dockerfile; all that was printed is kept with the run.' });
    }
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw dockerProblem(error, address, 'The image could not be built');
  } finally {
    output.end();
    output.close();
  }
}

/** Images that are being built, by engine and tag: who wants the same one waits for it. */
const underWay = new Map<string, Promise<ImageRef>>();

/** The image of a tag, which is built where it is not there. @throws RepriseError IMAGE_BUILD_FAILED, DOCKER_… */
export async function buildOnce(engine: Engine, options: BuildOptions, request: ImageRequest): Promise<ImageRef> {
  const key = `${engine.address} ${options.tag}`;
  for (;;) {
    const running = underWay.get(key);
    if (running === undefined) break;
    // It may be given up by whoever wanted it first.
    const image = await running.catch(() => null);
    if (image !== null) return image;
  }
  const work = buildWhereMissing(engine, options, request);
  underWay.set(key, work);
  try {
    return await work;
  } finally {
    underWay.delete(key);
  }
}

async function buildWhereMissing(engine: Engine, options: BuildOptions, request: ImageRequest): Promise<ImageRef> {
  const { tag, dockerfile } = options;
  const there = request.pull === 'always' ? null : await lookUp(engine, tag, tag);
  if (there !== null) return there;
  request.tell(`The image ${tag} is built of ${dockerfile}.`);
  await build(engine, options, request);
  const built = await lookUp(engine, tag, tag);
  if (built === null) throw new RepriseError('IMAGE_BUILD_FAILED', `The image ${tag} was built, but Docker Engine at ${engine.address} does not have it.`, { kind: 'system', hint: 'Retry the run.' });
  return built;
}

/** The files of the captured code below a folder, with links as links. */
async function* contextFiles(workspace: string, { snapshot }: CodeSnapshot, folder: string): AsyncGenerator<ArchiveFile> {
  const prefix = folder === '' ? '' : `${folder}/`;
  for (const { path: name, sha256, mode } of (await readSnapshot(workspace, snapshot)).files) {
    if (!name.startsWith(prefix)) continue;
    yield { name: name.slice(prefix.length), bytes: await readObject(workspace, sha256), mode: mode === 'executable' ? 0o755 : 0o644, isLink: mode === 'link' };
  }
}

/** A folder of the code, from its top, with `/`. @throws RepriseError BUILD_OUTSIDE */
function inCode({ folder }: CodeSnapshot, name: string): string {
  const place = path.posix.normalize(path.posix.join(folder, name.replaceAll('\\', '/'))).replace(/\/$/u, '');
  if (place !== '..' && !place.startsWith('../') && !path.posix.isAbsolute(name)) return place === '.' ? '' : place;
  throw new RepriseError('BUILD_OUTSIDE', `The build context ${name} lies outside of the code that is recorded.`, { hint: 'Name a folder of the code in `executor.build.context`.' });
}

/**
 * The image of a config's `build`: one that was built of the same code before is taken again.
 * @throws RepriseError CODE_NOT_CAPTURED, BUILD_OUTSIDE, IMAGE_BUILD_FAILED, DOCKER_…
 */
export function buildOfCode(engine: Engine, { manifest, workspace }: Order, { dockerfile, context, target, args = {} }: Build, where: Pick<BuildOptions, 'network' | 'log'>, request: ImageRequest): Promise<ImageRef> {
  const { code } = manifest.provenance;
  if (code === undefined || code === null) throw new RepriseError('CODE_NOT_CAPTURED', 'The image cannot be built: the code of the run was not recorded.', { hint: 'Put the config into the folder of its code, best a git repository.' });
  const folder = inCode(code, context);
  const identity = createHash('sha256').update(canonicalJson({ snapshot: code.snapshot, folder, dockerfile, target: target ?? null, args })).digest('hex');
  return buildOnce(engine, { tag: `reprise-build:${identity.slice(0, 16)}`, context: () => packedFiles(contextFiles(workspace, code, folder)), dockerfile, target, args, ...where }, request);
}
