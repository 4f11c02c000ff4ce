/** The engine's answers, cached by method and input; `live.ts` keeps them true. */
import { keepPreviousData, QueryClient, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { bridgeName } from '../../src/api/bridge';
import type { Input, Method, Output } from '../../src/api/contract';
import type { Result } from '../../src/errors/errors';
import { ask, client, Refused } from '../client';

export const answers = new QueryClient({
  defaultOptions: {
    queries: {
      // Events say when an answer is no longer true; time alone makes none stale.
      staleTime: Infinity,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      networkMode: 'always',
      retry: (times, error) => times < 3 && error instanceof Refused && error.report.code === 'ENGINE_RESTARTED',
    },
  },
});

/** Asks the engine once, past the cache. @throws Refused */
export function call<M extends Method>(method: M, input: Input<M>): Promise<Output<M>> {
  const methods = client as unknown as Record<string, (input: Input<M>) => Promise<Result<Output<M>>>>;
  const send = methods[bridgeName(method)];
  if (send === undefined) throw new Error(`the bridge has no ${method}`);
  return ask(send(input));
}

export function answerKey<M extends Method>(method: M, input: Input<M>): readonly [M, Input<M>] {
  return [method, input];
}

/**
 * An answer of the engine, asked for when first needed. `input` null: nothing is asked.
 * With `keep` the last answer stays visible while one for a new input is under way; with `everyMs` it is asked for again
 * and again (what no event tells: curves of a run that trains), with `fresh` each time a view is shown (what lies outside
 * the workspace: a file, this machine).
 */
export function useAnswer<M extends Method>(method: M, input: Input<M> | null, options: { readonly keep?: boolean; readonly everyMs?: number | null; readonly fresh?: boolean } = {}): UseQueryResult<Output<M>> {
  return useQuery<Output<M>>({
    queryKey: [method, input],
    queryFn: () => call(method, input as Input<M>),
    enabled: input !== null,
    refetchInterval: options.everyMs ?? false,
    refetchOnMount: options.fresh === true ? 'always' : true,
    ...(options.keep === true ? { placeholderData: keepPreviousData } : {}),
  }) as UseQueryResult<Output<M>>;
}

/** Says where an answer comes from that nobody has asked for yet. Settles when it is there, or has failed. */
export function expect<M extends Method>(method: M, input: Input<M>, answer: () => Promise<Output<M>>): Promise<void> {
  return answers.prefetchQuery({ queryKey: answerKey(method, input), queryFn: answer });
}

/** Asks again for every shown answer of these methods; hidden ones are asked for when they are shown. */
export function outdated(...methods: readonly Method[]): void {
  void answers.invalidateQueries({ predicate: ({ queryKey }) => methods.includes(queryKey[0] as Method) });
}
