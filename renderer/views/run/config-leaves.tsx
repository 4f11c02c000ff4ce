/** A config, leaf by leaf, with the YAML to copy. */
import { Button } from '@mantine/core';
import { isMapping } from '../../../src/config/mapping';
import { formatYaml } from '../../../src/config/yaml';
import { Section } from '../../frame/view';
import { copy } from '../../notice';

interface Leaf {
  readonly path: string;
  readonly value: unknown;
}

/** Leaves below a value, with dotted paths; an empty mapping has none. */
export function leavesOf(value: unknown, prefix: string): Leaf[] {
  if (!isMapping(value)) return [{ path: prefix, value }];
  return Object.entries(value).flatMap(([key, entry]) => leavesOf(entry, prefix === '' ? key : `${prefix}.${key}`));
}

function shown(value: unknown): string {
  if (value === '') return 'empty';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const titles: Readonly<Record<string, string>> = { task: 'Command', params: 'Parameters', model: 'Model', training: 'Training', data: 'Data', seeds: 'Seeds', selection: 'Selection', environment: 'Environment', executor: 'Executor' };

export function ConfigLeaves({ config }: { readonly config: Readonly<Record<string, unknown>> }) {
  const groups = Object.entries(titles)
    .map(([key, title]) => ({ key, title, leaves: isMapping(config[key]) ? leavesOf(config[key], '') : [] }))
    .filter(({ leaves }) => leaves.length > 0);
  const labels = Object.entries(config).filter(([key]) => !Object.hasOwn(titles, key));
  return (
    <div className="run-panel">
      <div className="run-panel-actions">
        <Button variant="default" size="xs" onClick={() => void copy(formatYaml(config), 'config')}>
          Copy as YAML
        </Button>
      </div>
      <div className="run-columns">
        {groups.map(({ key, title, leaves }) => (
          <Section key={key} title={title}>
            <Leaves leaves={leaves} />
          </Section>
        ))}
        <Section title="Labels">
          <Leaves leaves={labels.map(([path, value]) => ({ path, value }))} />
        </Section>
      </div>
    </div>
  );
}

function Leaves({ leaves }: { readonly leaves: readonly Leaf[] }) {
  return (
    <dl className="run-leaves">
      {leaves.map(({ path, value }) => (
        <div key={path}>
          <dt>{path}</dt>
          <dd className="mono numbers">{shown(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
