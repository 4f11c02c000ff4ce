/** A workspace without runs: what an ablation is, and one that is ready to run. */
import { useEffect, useRef, useState } from 'react';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { parseStudy } from '../../../src/ablation/study';
import { parseYaml } from '../../../src/config/yaml';
import { ask, shell } from '../../client';
import { Failure, Loading } from '../../components/messages';
import { estimate, plural } from '../../format';
import { View } from '../../frame/view';
import { complain } from '../../notice';
import { call, outdated } from '../../state/answers';
import { newStudy, openFile, openSample } from '../../state/open-file';
import { go } from '../../state/place';

const DATA: Readonly<Record<string, string>> = { mnist: 'MNIST', 'moby-dick': 'Moby-Dick', csv: 'a CSV file' };

async function readSample() {
  const { text, folder } = await ask(shell.sample({}));
  const { baseline } = parseStudy(parseYaml(text, 'the sample'));
  const kind = 'task' in baseline ? 'a command' : baseline.data.kind;
  return { study: { text, folder }, data: DATA[kind] ?? kind, plan: await call('studies.plan', { study: { text, folder } }) };
}

export function FirstStart() {
  const sample = useQuery({ queryKey: ['sample'], queryFn: readSample, gcTime: 0 });
  const button = useRef<HTMLButtonElement>(null);
  const [starting, setStarting] = useState(false);
  const isReady = sample.data !== undefined;
  useEffect(() => {
    if (isReady) button.current?.focus({ preventScroll: true });
  }, [isReady]);

  if (sample.isError) {
    return (
      <View title="Experiments">
        <Failure title="The sample could not be planned" error={sample.error} onRetry={() => void sample.refetch()} />
      </View>
    );
  }
  if (sample.data === undefined) {
    return (
      <View title="Experiments">
        <Loading text="Planning the sample ablation…" />
      </View>
    );
  }

  const { study, data, plan } = sample.data;
  const start = async (): Promise<void> => {
    setStarting(true);
    try {
      const { studyId } = await call('studies.start', { study });
      outdated('experiments.list', 'studies.list', 'runs.page');
      go({ view: 'study', studyId });
    } catch (error) {
      setStarting(false);
      complain('The sample ablation could not be started', error);
    }
  };
  return (
    <View title="Experiments">
      <section className="first-start" aria-labelledby="first-start-title">
        <h2 id="first-start-title">Find out what each ingredient contributes</h2>
        <p className="soft first-start-text">An ablation trains a baseline and variants of it with the same seeds, so that you can say which ingredient matters, by how much, and how sure you are.</p>
        <table className="first-start-plan" aria-label="The sample ablation">
          <thead>
            <tr>
              <td />
              {plan.seeds.map((seed) => (
                <th key={seed} scope="col">
                  Seed {seed}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {plan.variants.map(({ name, summary, runs }) => (
              <tr key={name}>
                <th scope="row">
                  {name}
                  <span className="soft">{summary}</span>
                </th>
                {runs.map(({ seed }) => (
                  <td key={seed}>
                    <span className="first-start-cell" aria-label="one run" role="img" />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        <div className="first-start-action">
          <Button ref={button} loading={starting} onClick={() => void start()}>
            Run {plan.totalRuns}
          </Button>
          <span className="soft" title={plan.estimateBasis}>
            {plural(plan.variants.length, 'variant')} × {plural(plan.seeds.length, 'seed')} on {data}
            {plan.estimatedSeconds !== null && <>, {estimate(plan.estimatedSeconds)}</>}
          </span>
        </div>
        <div className="first-start-others">
          <Button variant="default" onClick={() => void openFile('study')}>
            Open study…
          </Button>
          <Button variant="default" onClick={() => void newStudy()}>
            New ablation
          </Button>
          <Button variant="default" onClick={() => go({ view: 'import', path: null })}>
            Import runs…
          </Button>
        </div>
        <p className="soft first-start-text">
          Your own programs are runs, too:{' '}
          <button type="button" className="first-start-link" onClick={() => void openSample('command')}>
            open the sample of a Python script
          </button>
          , or let scripts log to the{' '}
          <button type="button" className="first-start-link" onClick={() => go({ view: 'machines' })}>
            tracking server
          </button>{' '}
          as they do to MLflow.
        </p>
      </section>
    </View>
  );
}
