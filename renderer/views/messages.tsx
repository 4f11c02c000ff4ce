/** What stands in place of the list: nothing yet, or something went wrong. */
import type { ReactNode } from 'react';
import type { ErrorReport } from '../../src/errors/errors';
import { StateShape } from '../components/state-mark';
import * as format from '../format';
import type { SampleState } from '../store';

export function Starting() {
  return (
    <section className="message">
      <p role="status">Opening the workspace…</p>
    </section>
  );
}

export function Empty({ sample, onRun }: { readonly sample: SampleState; readonly onRun: () => void }) {
  const { plan, starting, error } = sample;
  return (
    <section className="message">
      <h2>No runs yet</h2>
      <p>
        A run is one config trained with one seed: start with the sample ablation here, or with a config of yours through <span className="mono">reprise run</span>.
      </p>
      <div className="action">
        <button type="button" className="primary" disabled={starting} onClick={onRun}>
          {starting ? 'Preparing…' : plan === null ? 'Run the sample' : `Run ${plan.totalRuns}`}
        </button>
        {plan !== null && (
          <span className="soft">
            {plan.experiment}: {format.plural(plan.variants.length, 'variant')} × {format.plural(plan.seeds.length, 'seed')}
            {plan.estimatedSeconds === null ? '' : `, ${format.estimate(plan.estimatedSeconds)}`}
          </span>
        )}
      </div>
      {error !== null && <ErrorText error={error} />}
    </section>
  );
}

/** A hint with its command line options in one piece. */
function Hint({ text }: { readonly text: string }) {
  const parts = text.split(/(--[\w-]+(?: [A-Z]+)?)/u);
  return <p>{parts.map((part, index) => (index % 2 === 1 ? <span key={part} className="mono option">{part}</span> : part))}</p>;
}

function ErrorText({ error }: { readonly error: ErrorReport }) {
  return (
    <div role="alert">
      <p className="said">{error.message}</p>
      {error.hint !== undefined && <Hint text={error.hint} />}
      <p className="code">{error.code}</p>
    </div>
  );
}

/** What happened, to what, and the next step; the code small below. */
export function Failure({ title, error, action }: { readonly title: string; readonly error: ErrorReport; readonly action: ReactNode }) {
  return (
    <section className="message" role="alert">
      <h2 className="error-title">
        <span className="state failed">
          <StateShape status="failed" />
        </span>
        {title}
      </h2>
      <p className="said">{error.message}</p>
      {error.hint !== undefined && <Hint text={error.hint} />}
      <div className="action">{action}</div>
      <p className="code">{error.code}</p>
    </section>
  );
}
