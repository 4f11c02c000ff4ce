/** All of an engine that checks by schemas: the contract, and the machines that its runs go to. Loaded by `schemas-when-needed`. */
import { methods, type Input, type Method } from '../api/contract';
import { problemsOf } from '../config/problems';
import { RepriseError } from '../errors/errors';

export { methods, request } from '../api/contract';
export { coresOfPlaces, executorsOf } from './executors';

/** The input with its defaults filled in. @throws RepriseError INPUT_INVALID with every problem at once */
export function checkInput<M extends Method>(method: M, input: Input<M>): Input<M> {
  const { input: schema } = methods[method];
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data as Input<M>;
  const problems = problemsOf(schema, input, parsed.error);
  throw new RepriseError('INPUT_INVALID', `${method}: ${problems[0]?.path ?? 'input'} ${problems[0]?.message ?? 'is not valid'}`, { kind: 'input', problems });
}
