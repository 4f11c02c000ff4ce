/** What was captured about a run before its first step. */
import { Button } from '@mantine/core';
import type { RunDetails } from '../../../src/api/views';
import { Hash } from '../../components/hash';
import { StateShape } from '../../components/state-mark';
import { Section } from '../../frame/view';
import { copy } from '../../notice';

type Item = RunDetails['provenance'][number]['items'][number];

function Value({ item }: { readonly item: Item }) {
  switch (item.kind) {
    case 'text':
      return <>{item.value}</>;
    case 'hash':
      return <Hash value={item.value} of={item.name} />;
    case 'warning':
      return (
        <span className="state interrupted">
          <StateShape status="interrupted" />
          {item.value}
        </span>
      );
    case 'code':
      return (
        <div className="run-code">
          <Button variant="default" size="xs" onClick={() => void copy(item.value, item.name)}>
            Copy
          </Button>
          {/* A block that scrolls must be reachable by keyboard. */}
          <pre className="mono" tabIndex={0} role="region" aria-label={item.name}>
            {item.value}
          </pre>
        </div>
      );
  }
}

export function ProvenanceSections({ sections }: { readonly sections: RunDetails['provenance'] }) {
  return (
    <div className="run-panel run-columns">
      {sections.map(({ title, items }) => (
        <Section key={title} title={title}>
          <dl className="run-leaves">
            {items.map((item) => (
              <div key={item.name} className={item.kind === 'code' ? 'wide' : undefined}>
                <dt>{item.name}</dt>
                <dd>
                  <Value item={item} />
                </dd>
              </div>
            ))}
          </dl>
        </Section>
      ))}
    </div>
  );
}
