/** The image that an order's container is made of: named, built of its code, or made for trainings. */
import path from 'node:path';
import { attemptFolder } from '../../events/command-files';
import type { ImageRef } from '../../events/provenance';
import type { Order } from '../executor';
import { BUILD_LOG, buildOfCode } from './build';
import type { DockerOptions, Engine } from './client';
import { findImage, findRecordedImage, type ImageRequest } from './image';
import { dockerConfigOf } from './container';
import { trainingImage } from './training-image';

/** @throws RepriseError IMAGE_…, BUILD_…, DOCKER_… */
export async function imageFor(engine: Engine, order: Order, kit: DockerOptions['kit']): Promise<ImageRef> {
  const { image, build, network = null, pull = 'missing' } = dockerConfigOf(order);
  const { manifest, runFolder, attempt } = order;
  // Progress is no record that anything waits for.
  const request: ImageRequest = { pull, signal: order.signal, tell: (text) => void order.tell({ type: 'message', level: 'info', text }).catch(() => undefined) };
  if (manifest.kind !== 'command') return trainingImage(engine, order, kit, path.join(runFolder, BUILD_LOG), request);
  if (build !== undefined) return buildOfCode(engine, order, build, { network, log: path.join(attemptFolder(runFolder, attempt), BUILD_LOG) }, request);
  const recorded = manifest.provenance.image;
  return recorded === undefined ? findImage(engine, image ?? '', request) : findRecordedImage(engine, recorded, request);
}
