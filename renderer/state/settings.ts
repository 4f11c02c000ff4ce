/** The app's settings: asked for once; changes made elsewhere (another view, a menu) are told. */
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import type { Settings, ShellInput } from '../../src/api/shell';
import { ask, shell } from '../client';
import { complain } from '../notice';
import { answers } from './answers';

const SETTINGS = ['settings'] as const;

export function useSettings(): UseQueryResult<Settings> {
  return useQuery({ queryKey: SETTINGS, queryFn: () => ask(shell.getSettings({})) });
}

export async function changeSettings(to: ShellInput<'setSettings'>): Promise<void> {
  try {
    answers.setQueryData<Settings>(SETTINGS, await ask(shell.setSettings(to)));
  } catch (error) {
    complain('The setting could not be kept', error);
  }
}
