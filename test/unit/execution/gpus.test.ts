import { expect, it } from 'vitest';
import { gpusToGive } from '../../../src/execution/local/gpus';
import { GPU_VARIABLES } from '../../../src/execution/local/spawn';

const nvidia = { name: 'Tesla V100-SXM2-16GB', driver: '535.1', memoryBytes: 16 * 2 ** 30 };
const amd = { name: 'AMD graphics 0x740f', driver: 'amdgpu' };
const intel = { name: 'Intel graphics 0x9a49', driver: 'i915' };
const screen = { name: 'QEMU graphics 0x1111', driver: 'bochs-drm' };

it.each([
  ['none', [], {}, [], {}],
  ['one that only shows a screen', [screen], {}, [], {}],
  ['of NVIDIA, by their number on the bus', [nvidia, nvidia], {}, ['0', '1'], { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: '0' }],
  ['of NVIDIA, those that a person leaves', [nvidia, nvidia, nvidia], { CUDA_VISIBLE_DEVICES: '2, 0' }, ['2', '0'], { CUDA_VISIBLE_DEVICES: '2' }],
  ['of NVIDIA, by name', [nvidia], { CUDA_VISIBLE_DEVICES: 'GPU-1f', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }, ['GPU-1f'], { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: 'GPU-1f' }],
  ['of NVIDIA, up to the first that is none', [nvidia, nvidia], { CUDA_VISIBLE_DEVICES: '1,1,7,0' }, ['1'], { CUDA_VISIBLE_DEVICES: '1' }],
  ['of NVIDIA, none where a person wants none', [nvidia], { CUDA_VISIBLE_DEVICES: '' }, [], null],
  ['of NVIDIA, none by -1', [nvidia], { CUDA_VISIBLE_DEVICES: '-1' }, [], null],
  ['of AMD, with one word to both that HIP reads', [amd, amd], {}, ['0', '1'], { HIP_VISIBLE_DEVICES: '0', CUDA_VISIBLE_DEVICES: '0' }],
  ['of AMD, what the runtime below leaves', [amd, amd, amd], { ROCR_VISIBLE_DEVICES: '1,2' }, ['0', '1'], { HIP_VISIBLE_DEVICES: '0', CUDA_VISIBLE_DEVICES: '0' }],
  ['of Intel', [intel], {}, ['0'], { ZE_AFFINITY_MASK: '0' }],
  ['of NVIDIA, beside one of the processor', [intel, { ...nvidia, name: 'NVIDIA A10' }], {}, ['0'], { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: '0' }],
])('GPUs that runs may have: %s', (_name, found, env, ids, environment) => {
  const gpus = gpusToGive(found, env);
  expect(gpus.ids).toEqual(ids);
  if (environment === null) return;
  const said = gpus.environment(ids.slice(0, 1));
  expect(said).toEqual(environment);
  for (const name of Object.keys(said)) expect(GPU_VARIABLES).toContain(name);
});
