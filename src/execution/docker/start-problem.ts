/** Why a container could not be started, in words that say what to do. */
import { RepriseError } from '../../errors/errors';
import { dockerProblem, statusOf, wordsOf } from './problems';

/** @param image as a person names it */
export function startProblem(error: unknown, address: string, program: string, image: string): RepriseError {
  if (statusOf(error) === null) return dockerProblem(error, address, 'The container could not be started');
  const words = wordsOf(error);
  const options = { kind: 'input', cause: error } as const;
  if (/executable file not found|no such file or directory/u.test(words) && /exec|init/u.test(words) && !/mount/u.test(words)) {
    return new RepriseError('COMMAND_NOT_FOUND', `There is no program ${JSON.stringify(program)} in the image ${image}.`, { ...options, hint: 'Name one that is in the image in `task.command`, or choose another image.' });
  }
  if (/permission denied/u.test(words) && /exec/u.test(words)) {
    return new RepriseError('COMMAND_NOT_STARTED', `The program ${JSON.stringify(program)} may not be executed in the image ${image}: Docker Engine says: ${words}`, { ...options, hint: 'Make it executable, or start it by its interpreter.' });
  }
  if (/could not select device driver|nvidia|cdi/iu.test(words)) {
    return new RepriseError('GPU_UNAVAILABLE', `Docker Engine at ${address} gives containers no GPU: ${words}`, { ...options, kind: 'system', hint: "Install NVIDIA's container toolkit there, or leave `executor.gpus` out." });
  }
  return dockerProblem(error, address, 'The container could not be started');
}
