/** From the name of an image to the image itself: what a run gets is a digest, never a tag that may mean another by now. */
import type { ExecutorOf } from '../../config/executor';
import { RepriseError } from '../../errors/errors';
import type { ImageRef } from '../../events/provenance';
import { engineOf, type DockerOptions, type Engine } from './client';
import { digestIn, parseImageName } from './image-name';
import { dockerProblem, isGone, statusOf, wordsOf } from './problems';
import { progressLines, PullProgress, throttled } from './progress';
import { registryLogin } from './registry-login';

export interface ImageRequest {
  readonly pull: NonNullable<ExecutorOf<'docker'>['pull']>;
  /** Takes a sentence about what takes long. */
  readonly tell: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** What the engine has under a name, id or `REPOSITORY@DIGEST`; null where it has nothing. */
export async function lookUp({ docker, address }: Engine, reference: string, name: string): Promise<ImageRef | null> {
  try {
    const { Id, RepoDigests } = await docker.getImage(reference).inspect();
    return { name, digest: digestIn(RepoDigests ?? [], parseImageName(name).repository), id: Id };
  } catch (error) {
    if (isGone(error)) return null;
    throw dockerProblem(error, address, `The image ${name} could not be looked up`);
  }
}

/** @param version a tag or a digest */
async function pull({ docker, address }: Engine, name: string, version: string, { tell, signal }: ImageRequest): Promise<void> {
  const { repository } = parseImageName(name);
  tell(`The image ${name} is fetched.`);
  const say = throttled(tell);
  const progress = new PullProgress();
  try {
    const authconfig = await registryLogin(repository);
    const options = { fromImage: repository, tag: version, ...(signal === undefined ? {} : { abortSignal: signal }) };
    const stream = await (authconfig === null ? docker.createImage(options) : docker.createImage(authconfig, options));
    for await (const line of progressLines(stream)) {
      if (line.error !== undefined) throw imageMissing(name, line.error);
      progress.see(line);
      say(() => `The image ${name} is fetched: ${progress.text}.`);
    }
  } catch (error) {
    if (error instanceof RepriseError || signal?.aborted === true) throw error;
    throw isGone(error) || statusOf(error) === 500 ? imageMissing(name, wordsOf(error)) : dockerProblem(error, address, `The image ${name} could not be fetched`);
  }
}

function imageMissing(name: string, words: string | null): RepriseError {
  return new RepriseError('IMAGE_MISSING', words === null ? `The image ${name} is not in this Docker Engine, and \`executor.pull\` says that it is never fetched.` : `The image ${name} cannot be had: Docker Engine says: ${words}`, {
    hint: words === null ? `Fetch it with \`docker pull ${name}\`, or set \`executor.pull\` to missing.` : 'Correct `executor.image`, sign in to its registry with `docker login`, or build the image there.',
  });
}

/** The image that a name means now. @throws RepriseError IMAGE_MISSING, DOCKER_… */
export async function findImage(engine: Engine, name: string, request: ImageRequest): Promise<ImageRef> {
  const { tag, digest } = parseImageName(name);
  const there = await lookUp(engine, name, name);
  // An id names one image for ever, and no registry knows it.
  if (there !== null && (request.pull !== 'always' || there.id === name || there.id === `sha256:${name}`)) return there;
  if (request.pull === 'never') throw imageMissing(name, null);
  await pull(engine, name, digest ?? tag, request);
  const pulled = await lookUp(engine, name, name);
  if (pulled === null) throw imageMissing(name, 'it was fetched, but is not there');
  request.tell(`The image ${name} was fetched${pulled.digest === null ? '' : `: ${pulled.digest}`}.`);
  return pulled;
}

/**
 * The very image that a run was made with, whatever its name means by now.
 * @throws RepriseError IMAGE_CHANGED where it can be had nowhere any more, IMAGE_MISSING, DOCKER_…
 */
export async function findRecordedImage(engine: Engine, recorded: ImageRef, request: ImageRequest): Promise<ImageRef> {
  const { name, digest, id } = recorded;
  const there = (await lookUp(engine, id, name)) ?? (digest === null ? null : await lookUp(engine, `${parseImageName(name).repository}@${digest}`, name));
  if (there !== null) {
    const now = await lookUp(engine, name, name);
    if (now !== null && now.id !== there.id) request.tell(`The name ${name} means another image by now (${now.digest ?? now.id}); the run gets the one it was made with (${digest ?? id}).`);
    return { name, digest, id: there.id };
  }
  if (digest !== null && request.pull !== 'never') {
    await pull(engine, name, digest, request).catch((error: unknown) => {
      throw error instanceof RepriseError && error.code === 'IMAGE_MISSING' ? imageChanged(recorded, error.message) : error;
    });
    const pulled = await lookUp(engine, `${parseImageName(name).repository}@${digest}`, name);
    if (pulled !== null) return { name, digest, id: pulled.id };
  }
  throw imageChanged(recorded, null);
}

function imageChanged({ name, digest, id }: ImageRef, words: string | null): RepriseError {
  return new RepriseError('IMAGE_CHANGED', `The image ${name} that the run was made with (${digest ?? id}) is not there any more${words === null ? '' : `: ${words}`}.`, {
    hint: 'Put that image back, or start the config again for a run with the image that the name means now.',
  });
}

/**
 * What a config's image is now, to be recorded before a run is made; null for one that is built.
 * @throws RepriseError IMAGE_MISSING, DOCKER_…
 */
export async function resolveImage(options: DockerOptions, executor: ExecutorOf<'docker'>, tell: (text: string) => void = () => undefined): Promise<ImageRef | null> {
  if (executor.image === undefined) return null;
  const engine = engineOf(options);
  try {
    return await findImage(engine, executor.image, { pull: executor.pull ?? 'missing', tell });
  } finally {
    engine.close();
  }
}
