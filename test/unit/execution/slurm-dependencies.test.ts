import { expect, test } from 'vitest';
import { dependenciesOf, type Forerunner } from '../../../src/execution/slurm/dependencies';

const run = (runId: string, ended: Forerunner['ended'], job: string | null = null): Forerunner => ({ runId, ended, job });
const always = (): boolean => true;

test('arrays and jobs are named once each, and what has ended not at all', async () => {
  const runs: Readonly<Record<string, Forerunner[]>> = {
    prepare: [run('a', null, 'big/12_0/t1'), run('b', null, 'big/12_1/t1'), run('c', 'well'), run('d', null, 'big/15/t2')],
    sweep: [run('e', 'badly'), run('f', null, 'big/16/t3')],
    done: [run('g', 'well')],
  };
  const ask = (experiment: string): Promise<Forerunner[]> => Promise.resolve(runs[experiment] ?? []);
  expect(await dependenciesOf({ ok: ['prepare', 'done'], any: ['sweep'] }, 'big', ask, always)).toEqual(['afterok:12:15', 'afterany:16']);
  expect(await dependenciesOf(undefined, 'big', ask, always)).toEqual([]);
  await expect(dependenciesOf({ ok: ['sweep'] }, 'big', ask, always)).rejects.toMatchObject({ code: 'DEPENDENCY_FAILED', message: expect.stringContaining('Run e of experiment sweep') });
});

test('it waits for runs that have no job on this cluster until they have one, or have ended', async () => {
  const answers = [[run('a', null), run('b', null, 'other/3/t')], [run('a', null, 'big/7/t'), run('b', 'well')]];
  expect(await dependenciesOf({ any: ['x'] }, 'big', () => Promise.resolve(answers.shift() ?? []), always)).toEqual(['afterany:7']);
  expect(answers).toEqual([]);
  let wanted = 2;
  expect(await dependenciesOf({ any: ['x'] }, 'big', () => Promise.resolve([run('a', null)]), () => (wanted -= 1) > 0)).toEqual([]);
});
