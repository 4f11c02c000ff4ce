/** The image that built-in trainings run in: Reprise's own Dockerfile, and the programs that other machines get too. */
import { createHash } from 'node:crypto';
import DOCKERFILE from '../../../resources/docker/Dockerfile?raw';
import type { ImageRef } from '../../events/provenance';
import type { Order } from '../executor';
import { packed } from './archive';
import { buildOnce } from './build';
import type { DockerOptions, Engine } from './client';
import { findImage, findRecordedImage, type ImageRequest } from './image';
import { dockerConfigOf } from './container';

/** Where the programs are in the image. */
export const KIT_IN_IMAGE = '/opt/reprise';
/** The Dockerfile's own choice. */
const BASE = /^ARG BASE=(?<base>\S+)$/mu.exec(DOCKERFILE)?.groups?.['base'] ?? '';
/** As the Dockerfile calls it. */
const KIT_FOLDER = 'kit';
const ROOT = { uid: 0, gid: 0 };

/**
 * Built once for each base and each version of the programs. The config's image is its base.
 * @param log where what the builder prints is kept
 * @throws RepriseError IMAGE_…, DOCKER_…
 */
export async function trainingImage(engine: Engine, order: Order, kit: DockerOptions['kit'], log: string, request: ImageRequest): Promise<ImageRef> {
  const { image = BASE } = dockerConfigOf(order);
  const recorded = order.manifest.provenance.image;
  const base = recorded === undefined ? await findImage(engine, image, request) : await findRecordedImage(engine, recorded, request);
  const { folder, hash } = await kit();
  const identity = createHash('sha256').update(`${DOCKERFILE}\n${hash}\n${base.id}`).digest('hex');
  const context = () => packed([{ source: folder, name: KIT_FOLDER }], ROOT, [{ name: 'Dockerfile', bytes: Buffer.from(DOCKERFILE), mode: 0o644 }]);
  return buildOnce(engine, { tag: `reprise-worker:${identity.slice(0, 16)}`, context, dockerfile: 'Dockerfile', args: { BASE: base.id }, network: 'none', log }, { ...request, pull: 'missing' });
}


