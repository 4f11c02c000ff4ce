/** The image that an order's container is made of: named, built of its code, or made for trainings. */
import type { ImageRef } from '../../events/provenance';
import type { Order } from '../executor';
import type { DockerOptions, Engine } from './client';
import { findImage, findRecordedImage, type ImageRequest } from './image';
import { dockerConfigOf } from './job';

/** @throws RepriseError IMAGE_…, DOCKER_… */
export async function imageFor(engine: Engine, order: Order, kitFolder: DockerOptions['kitFolder']): Promise<ImageRef> {
  const { image, pull = 'missing' } = dockerConfigOf(order);
  const request: ImageRequest = { pull, signal: order.signal, tell: (text) => void order.tell({ type: 'message', level: 'info', text }) };
  const recorded = order.manifest.provenance.image;
  if (recorded !== undefined) return findRecordedImage(engine, recorded, request);
  void kitFolder;
  return findImage(engine, image ?? '', request);
}
