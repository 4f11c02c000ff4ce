/**
 * What a run costs beyond what its engine takes for the same program, side by side and in turn, on real engines:
 * `npm run bench -- executors`, with `--json` the rows alone. A run is timed from its start to its end in the database,
 * with its log, outputs and container seen to.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine';
import { ask, engineOn, Project } from '../helpers/commands';
import { DockerEngine, noDocker } from '../helpers/engines/docker';
import { quartile, row } from './rows';

/** The engine's own and ours, so many times in turn. */
const ROUNDS = Number(process.env['REPRISE_BENCH_ROUNDS'] ?? 8);
/** Seconds that a run may cost beyond. */
const BAR = 1;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function runOf(engine: Engine, config: string, seed: number): Promise<void> {
  const { run } = await ask(engine, 'runs.start', { config, seed });
  const [ended] = await ask(engine, 'runs.wait', { runs: [run.runId] });
  expect(ended?.status).toBe('finished');
}

describe.skipIf(noDocker !== null)(`beside \`docker run\`${noDocker === null ? '' : ` (${noDocker})`}`, () => {
  let docker: DockerEngine;
  beforeAll(async () => {
    docker = await DockerEngine.start();
    await docker.image('box:1');
  });
  afterAll(() => docker.stop());

  it(`a container costs less than ${BAR} s more`, async () => {
    const project = new Project({ 'train.sh': 'for i in 1 2 3 4 5; do echo "{\\"step\\": $i, \\"loss\\": $i}"; done\n' });
    project.commit();
    const engine = await engineOn(project.workspace);
    const config = project.config({ executor: { kind: 'docker', image: 'box:1' }, task: { command: ['sh', 'train.sh'] } });
    const peer = (): Promise<unknown> => docker.docker('run', '--rm', '--init', '--network=none', `--volume=${project.folder}:/work`, '--workdir=/work', 'box:1', 'sh', 'train.sh');
    await peer();
    await runOf(engine, config, 1000);
    const [theirs, ours]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      theirs.push(await seconds(peer));
      ours.push(await seconds(() => runOf(engine, config, round)));
    }
    const overhead = quartile(ours) - quartile(theirs);
    row({ name: 'docker', ours: quartile(ours), peer: quartile(theirs), unit: 's', note: `a run of a command, planned, started, followed and collected, takes ${overhead.toFixed(3)} s more than \`docker run\`` });
    expect(overhead).toBeLessThan(BAR);
  }, 180_000);
});
