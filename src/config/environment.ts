/** The schema of `environment`. */
import { z } from 'zod';

/** What a requirement that is not met means: the run does not start, it starts with a warning, nothing is said. */
export const checkLevel = z.enum(['error', 'warning', 'ignore']);

/** An item of the environment spec, or one package or variable of it. */
const checkedItem = z.string().regex(/^(?:reprise|node|onnxruntime|os|arch|memoryGb|python|packages|packages\.[\w.-]+|cuda|gpu|gpu\.(?:count|model|memoryGb)|container|variables|variables\.[A-Za-z_]\w*)$/u, {
  error: 'must be an item of the environment: reprise, node, onnxruntime, os, arch, memoryGb, python, packages, packages.NAME, cuda, gpu, container, variables or variables.NAME',
});

/** Specifiers as in PEP 440; a version of one or two numbers stands for all that begin with them. */
const specifier = z.string().min(1).max(200);

/** What the run needs of its surroundings; checked against the machine and stored with the run. */
export const environmentSchema = z.strictObject({
  reprise: z.string().min(1).optional().meta({ description: 'Range of versions, such as >=0.1' }),
  node: z.string().min(1).optional().meta({ description: 'Range of versions, such as >=20' }),
  onnxruntime: z.string().min(1).optional().meta({ description: 'Range of versions, such as 1.30.x' }),
  os: z.string().min(1).max(100).optional().meta({ description: 'linux, darwin, win32, or words of the system’s name: ubuntu-22.04' }),
  arch: z.enum(['x64', 'arm64']).optional(),
  memoryGb: z.number().gt(0).optional().meta({ description: 'Least memory of the machine', unit: 'GB' }),
  python: z
    .strictObject({
      version: specifier.optional().meta({ description: 'Python of a command: 3.11 for any 3.11, or >=3.10,<3.13' }),
      packages: z.record(z.string().regex(/^[A-Za-z0-9][\w.-]*$/u), specifier).optional().meta({ description: 'Package and version: 2.5.1, >=2.1,<3, ~=1.26, * for any' }),
    })
    .optional(),
  cuda: specifier.optional().meta({ description: 'CUDA that torch was built with; without torch what the driver supports' }),
  gpu: z
    .strictObject({
      count: z.int().min(1).max(1024).optional().meta({ description: 'Least number of GPUs', unit: 'GPUs' }),
      model: z.string().min(1).max(100).optional().meta({ description: 'Words of the name of every GPU that counts: A100' }),
      memoryGb: z.number().gt(0).optional().meta({ description: 'Least memory of each GPU that counts', unit: 'GB' }),
    })
    .optional(),
  container: z.string().min(1).max(500).optional().meta({ description: 'Image it runs in, best with its digest: name@sha256:…' }),
  variables: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/u), z.string().max(1000)).optional().meta({ description: 'Environment variables and their values' }),
  levels: z.record(checkedItem, checkLevel).optional().meta({ description: 'What a mismatch means, by item: error, warning or ignore; error for python, warning for the rest when not set' }),
});
