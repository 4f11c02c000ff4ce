/** Bundles: what is exported and reproduced now, and the verdicts that are kept. */
import { useMemo, useState } from 'react';
import { ChevronDown } from 'lucide-react';
import { Button, Menu } from '@mantine/core';
import type { TaskView } from '../../../src/api/long-work';
import type { VerdictSummary } from '../../../src/api/views';
import { Empty, Failure, Loading } from '../../components/messages';
import { StateMark } from '../../components/state-mark';
import * as format from '../../format';
import { Section, View } from '../../frame/view';
import { useAnswer } from '../../state/answers';
import { useLive } from '../../state/live';
import { openFile } from '../../state/open-file';
import { go } from '../../state/place';
import { baseName } from '../../state/tasks';
import { Grid, type Column } from './grid';
import { TaskProgress } from './progress';
import { VerdictMark } from './verdict-mark';
import './bundles.css';

const columns: readonly Column<VerdictSummary>[] = [
  { title: 'Verdict', cell: ({ verdict }) => <VerdictMark verdict={verdict} /> },
  { title: 'Bundle', cell: ({ name, file }) => <span className="truncate bundles-name" title={`${name}\n${file}`}>{name}</span> },
  { title: 'Re-executed', cell: ({ createdAt }) => format.moment(createdAt) },
  { title: 'Runs', number: true, cell: ({ runs }) => format.count(runs) },
  { title: 'Took', number: true, cell: ({ seconds }) => format.duration(seconds * 1000) },
  { title: 'Finding', cell: ({ sentence }) => <span className="truncate bundles-sentence" title={sentence}>{sentence}</span> },
];

const openVerdict = (verdictId: string): void => go({ view: 'verdict', verdictId });

function Verdicts({ verdicts }: { readonly verdicts: readonly VerdictSummary[] }) {
  const [selected, setSelected] = useState<string | null>(null);
  return (
    <Section title="Verdicts" aside={format.plural(verdicts.length, 'verdict')}>
      <div className="bundles-verdicts">
        <Grid label="Verdicts" columns={columns} rows={verdicts} keyOf={({ verdictId }) => verdictId} selected={selected} onSelect={setSelected} onOpen={openVerdict} opensOnClick />
      </div>
    </Section>
  );
}

function Ended({ task: { title, status, result, error } }: { readonly task: TaskView }) {
  return (
    <li className="bundles-ended">
      <StateMark status={status === 'done' ? 'finished' : status} />
      <span className="truncate" title={error?.message ?? result ?? title}>
        {title}
        {error === null ? '' : `: ${error.message}`}
      </span>
      {status === 'done' && result !== null && (
        <Button variant="default" size="compact-sm" aria-label={`Open ${baseName(result)}`} onClick={() => go({ view: 'bundle', file: result })}>
          Open
        </Button>
      )}
    </li>
  );
}

/** Most exports and failures that are named. */
const MOST_ENDED = 5;

function Tasks({ tasks }: { readonly tasks: readonly TaskView[] }) {
  const running = tasks.filter(({ status }) => status === 'running');
  // A reproduction that is done stands among the verdicts.
  const ended = tasks.filter(({ status, kind }) => status === 'failed' || status === 'cancelled' || (status === 'done' && kind === 'export')).slice(0, MOST_ENDED);
  return (
    <>
      {running.length > 0 && (
        <Section title="Running" aside={format.plural(running.length, 'task')}>
          <div className="bundles-tasks">
            {running.map((task) => (
              <TaskProgress key={task.task} task={task.task} title={task.title} view={task} />
            ))}
          </div>
        </Section>
      )}
      {ended.length > 0 && (
        <Section title="Ended in this session">
          <ul className="bundles-list">
            {ended.map((task) => (
              <Ended key={task.task} task={task} />
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

/** Experiments that the menu names, newest first. */
const MOST_EXPERIMENTS = 12;

/** The way to an export from here: an experiment has one in its own views, too. */
function ExportMenu() {
  const experiments = useAnswer('experiments.list', {});
  const ready = (experiments.data ?? []).filter(({ byStatus, executable }) => executable && (byStatus.finished ?? 0) > 0).toSorted((a, b) => b.updatedAt - a.updatedAt);
  if (ready.length === 0) return null;
  return (
    <Menu position="bottom-end" width={280} offset={4}>
      <Menu.Target>
        <Button variant="default" rightSection={<ChevronDown size={14} aria-hidden="true" />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {ready.slice(0, MOST_EXPERIMENTS).map(({ name, byStatus }) => (
          <Menu.Item key={name} onClick={() => go({ view: 'export', target: name })} rightSection={<span className="soft small">{format.plural(byStatus.finished ?? 0, 'run')}</span>}>
            <span className="truncate bundles-menu" title={name}>
              {name}
            </span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

const openBundle = (): void => void openFile('bundle');

export function Bundles() {
  const verdicts = useAnswer('verdicts.list', {});
  const all = useLive((state) => state.tasks);
  const tasks = useMemo(() => all.filter(({ kind }) => kind === 'export' || kind === 'reproduce'), [all]);
  const busy = tasks.some(({ status, kind }) => status !== 'done' || kind === 'export');
  return (
    <View
      title="Bundles"
      actions={
        <>
          <ExportMenu />
          <Button onClick={openBundle}>Open bundle…</Button>
        </>
      }
    >
      {verdicts.isPending && <Loading text="Reading the verdicts…" />}
      {verdicts.isError && <Failure title="The verdicts could not be read" error={verdicts.error} onRetry={() => void verdicts.refetch()} />}
      {(busy || (verdicts.data?.length ?? 0) > 0) && (
        <div className="bundles-page">
          <Tasks tasks={tasks} />
          {verdicts.data !== undefined && verdicts.data.length > 0 && <Verdicts verdicts={verdicts.data} />}
        </div>
      )}
      {verdicts.data?.length === 0 && !busy && (
        <Empty title="No bundle reproduced yet">
          A bundle is a single file that holds an experiment with all it takes to train it again: open a colleague’s, or export one of your experiments, and Reprise re-executes it here and says whether the result holds. Files can also be dropped anywhere.
        </Empty>
      )}
    </View>
  );
}
