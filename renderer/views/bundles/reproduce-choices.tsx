/** What reproducing a bundle does here, what it needs, and the consent to it. */
import { Button, Checkbox, NumberInput } from '@mantine/core';
import type { BundlePage } from '../../../src/api/views';
import { ask, shell } from '../../client';
import * as format from '../../format';
import { complain } from '../../notice';
import { setTrust } from './trust';

export interface ReproduceOptions {
  /** Only the first so many finished runs; null: all. */
  readonly runs: number | null;
  /** The author's data file, where the bundle has none. */
  readonly data: string | null;
}

async function chooseData(): Promise<string | null> {
  try {
    return (await ask(shell.chooseFile({ kind: 'data' })))?.path ?? null;
  } catch (error) {
    complain('The file could not be taken', error);
    return null;
  }
}

interface ChoicesProps {
  readonly page: BundlePage;
  readonly finished: number;
  readonly trusted: boolean;
  readonly options: ReproduceOptions;
  readonly onOptions: (change: Partial<ReproduceOptions>) => void;
}

function Needs({ page, options, onOptions }: Pick<ChoicesProps, 'page' | 'options' | 'onOptions'>) {
  const choose = async (): Promise<void> => {
    const data = await chooseData();
    if (data !== null) onOptions({ data });
  };
  return (
    <div className="bundles-needs">
      {page.needs.map(({ path, message }) => (
        <p key={`${path} ${message}`}>{message}</p>
      ))}
      {page.needsData && (
        <div className="bundles-buttons">
          <Button variant="default" size="compact-sm" onClick={() => void choose()}>
            {options.data === null ? page.commands.length > 0 ? 'Choose the input file…' : 'Choose the data file…' : 'Choose another…'}
          </Button>
          {options.data !== null && <span className="mono bundles-path">{options.data}</span>}
        </div>
      )}
    </div>
  );
}

export function ReproduceChoices({ page, finished, trusted, options, onOptions }: ChoicesProps) {
  const count = Math.min(options.runs ?? finished, finished);
  // All runs together were estimated; a part takes its share.
  const seconds = page.estimatedSeconds === null || finished === 0 ? null : (page.estimatedSeconds * count) / finished;
  const programs = page.commands.length > 0;
  if (finished === 0) {
    return <p className="soft">No run of this bundle is finished: there is no result to reproduce.</p>;
  }
  return (
    <>
      <p>
        {programs ? 'Executes' : 'Trains'} {format.plural(count, 'run')} on this machine{seconds === null ? '' : <>, {format.estimate(seconds)} at the pace they were recorded with</>}, and compares {programs ? 'every metric' : 'every step'} with the record. Nothing finished before is reused.
      </p>
      {programs ? (
        <p className="soft bundles-prose">The code is restored in the workspace folder and the programs listed below are started with your rights; of the runs, only the verdict and one series each are kept.</p>
      ) : (
        <p className="soft bundles-prose">Reprise builds the training graphs from the bundle’s configs. No program of the bundle is executed, nothing is sent over the network, and nothing is written outside the workspace folder; of the runs, only the verdict and their losses are kept.</p>
      )}
      {page.needs.length > 0 && <Needs page={page} options={options} onOptions={onOptions} />}
      <div className="bundles-consent">
        {finished > 1 && (
          <NumberInput
            label={`Runs, of ${format.count(finished)} finished`}
            description="Fewer take less time; the others count as not executed."
            value={count}
            min={1}
            max={finished}
            allowDecimal={false}
            allowNegative={false}
            clampBehavior="strict"
            onChange={(value) => onOptions({ runs: typeof value === 'number' && value >= 1 && value < finished ? value : null })}
          />
        )}
        <Checkbox
          label={
            <>
              I trust this bundle (digest <span className="mono">{format.shortHash(page.digest)}</span>)
            </>
          }
          description="Compare the digest with the one its author published: it names every byte of the file."
          checked={trusted}
          onChange={(event) => setTrust(page.digest, event.currentTarget.checked)}
        />
      </div>
    </>
  );
}
