/** What another machine is, as far as it decides what runs compute there, or is recorded of them. */
import { z } from 'zod';

const text = z.string().max(4096);

/** As the machine says itself; of a cluster: the nodes that compute. */
export const placeFacts = z.object({
  /** Of the programs that carry out runs there. */
  versions: z.object({ node: text, v8: text, onnxruntime: text }),
  os: z.object({ platform: text, release: text, arch: text, name: text }),
  cpu: z.object({ model: text, cores: z.number(), flags: z.array(text) }),
  memoryBytes: z.number(),
  gpus: z.array(z.object({ name: text, driver: text.nullable(), memoryBytes: z.number().optional() })),
  cuda: text.nullable(),
});
export type PlaceFacts = z.infer<typeof placeFacts>;
