/** Environment variables that can change numbers: the only ones that are recorded. */
import { redactNamed, WITHHELD } from './secrets';

/** Switches of determinism first: what frameworks read to give the same numbers twice. */
export const DETERMINISM_SWITCHES = ['PYTHONHASHSEED', 'CUBLAS_WORKSPACE_CONFIG', 'TF_DETERMINISTIC_OPS', 'TF_CUDNN_DETERMINISTIC', 'TORCH_DETERMINISTIC', 'MKL_CBWR', 'NVIDIA_TF32_OVERRIDE'] as const;

/** All that are recorded where they are set, sorted. */
export const VARIABLES: readonly string[] = [
  ...DETERMINISM_SWITCHES,
  'OMP_NUM_THREADS', 'OMP_PROC_BIND', 'OMP_SCHEDULE', 'OMP_DYNAMIC', 'MKL_NUM_THREADS', 'MKL_DYNAMIC', 'MKL_ENABLE_INSTRUCTIONS', 'OPENBLAS_NUM_THREADS', 'OPENBLAS_CORETYPE', 'BLIS_NUM_THREADS', 'VECLIB_MAXIMUM_THREADS', 'NUMEXPR_NUM_THREADS',
  'CUDA_VISIBLE_DEVICES', 'CUDA_DEVICE_ORDER', 'CUDA_LAUNCH_BLOCKING', 'HIP_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES',
  'PYTORCH_CUDA_ALLOC_CONF', 'PYTORCH_ENABLE_MPS_FALLBACK', 'TORCH_ALLOW_TF32_CUBLAS_OVERRIDE', 'TORCHDYNAMO_DISABLE', 'TORCH_COMPILE_DISABLE', 'XLA_FLAGS', 'JAX_ENABLE_X64', 'JAX_PLATFORMS', 'JAX_DEFAULT_MATMUL_PRECISION', 'JAX_THREEFRY_PARTITIONABLE',
  'TF_ENABLE_ONEDNN_OPTS', 'TF_FORCE_GPU_ALLOW_GROWTH', 'TF_NUM_INTEROP_THREADS', 'TF_NUM_INTRAOP_THREADS', 'KERAS_BACKEND', 'NCCL_ALGO', 'NCCL_PROTO', 'WORLD_SIZE', 'LOCAL_RANK', 'RANK',
  'PYTHONOPTIMIZE', 'PYTHONDONTWRITEBYTECODE', 'PYTHONNOUSERSITE', 'PYTHONUTF8', 'CONDA_DEFAULT_ENV', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'TOKENIZERS_PARALLELISM', 'LANG', 'LC_ALL', 'TZ',
].toSorted();

/** Characters of a value that are recorded. */
const MOST_CHARACTERS = 1000;

/** Those of the list that are set, sorted by name, without what shows a secret. */
export function recordedVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const recorded: Record<string, string> = {};
  for (const name of VARIABLES) {
    const value = env[name];
    if (value !== undefined) recorded[name] = redactNamed(name, value.slice(0, MOST_CHARACTERS));
  }
  return recorded;
}

/** Whether a recorded value is all there was: neither cut off, nor with a secret taken out. */
export function isRecordedWhole(value: string): boolean {
  return value.length < MOST_CHARACTERS && !value.includes(WITHHELD);
}
