/** GPUs of a machine as slots: which ones runs may have for themselves, and how a program is told of its own. */
import type { Gpu } from '../../events/provenance';
import type { Gpus } from '../machine-budget';

interface Vendor {
  readonly isIts: (gpu: Gpu) => boolean;
  /** Read by its programs; the first one that is set says what the person restricts themselves to. */
  readonly variables: readonly string[];
}

/**
 * By the driver that computes: a machine has slots of the first vendor here of which it has a GPU. HIP reads NVIDIA's
 * variable, too, and some programs insist that both say the same. AMD's ROCR_VISIBLE_DEVICES stays the person's: what it
 * leaves over is counted anew, so that setting both would hide every GPU but the first.
 */
const VENDORS: readonly Vendor[] = [
  // nvidia-smi alone tells of memory.
  { isIts: ({ driver, memoryBytes }) => memoryBytes !== undefined || driver === 'nvidia', variables: ['CUDA_VISIBLE_DEVICES'] },
  { isIts: ({ driver }) => driver === 'amdgpu', variables: ['HIP_VISIBLE_DEVICES', 'CUDA_VISIBLE_DEVICES'] },
  { isIts: ({ driver }) => driver === 'xe' || driver === 'i915', variables: ['ZE_AFFINITY_MASK'] },
];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The GPUs of a machine that its runs may have for themselves.
 * @param found as the machine tells of them
 * @param env of who starts the runs: a person who restricts themselves to some GPUs gives out no others
 */
export function gpusToGive(found: readonly Gpu[], env: Environment): Gpus {
  const vendor = VENDORS.find(({ isIts }) => found.some(isIts));
  if (vendor === undefined) return { ids: [], environment: () => ({}) };
  const { isIts, variables } = vendor;
  const isAmd = variables.includes('HIP_VISIBLE_DEVICES');
  const isNvidia = variables[0] === 'CUDA_VISIBLE_DEVICES';
  const all = found.filter(isIts).length;
  const count = isAmd && env['ROCR_VISIBLE_DEVICES'] !== undefined ? visible(env['ROCR_VISIBLE_DEVICES'], all).length : all;
  const restricted = variables.map((name) => env[name]).find((value) => value !== undefined);
  // Numbers that a person gave keep the order in which they were meant.
  const order = isNvidia ? (env['CUDA_DEVICE_ORDER'] ?? (restricted === undefined ? 'PCI_BUS_ID' : undefined)) : undefined;
  return {
    ids: restricted === undefined ? Array.from({ length: count }, (_, index) => String(index)) : visible(restricted, count),
    environment: (ids) => ({ ...(order === undefined ? {} : { CUDA_DEVICE_ORDER: order }), ...Object.fromEntries(variables.map((name) => [name, ids.join(',')])) }),
  };
}

/** The devices that a variable lets a program see: as in CUDA, none from the first on that is none (`-1`, empty, too great). */
function visible(value: string, count: number): string[] {
  const ids: string[] = [];
  for (const id of value.split(',').map((part) => part.trim())) {
    if (id === '' || id.startsWith('-') || (/^\d+$/u.test(id) && Number(id) >= count)) break;
    if (!ids.includes(id)) ids.push(id);
  }
  return ids;
}
