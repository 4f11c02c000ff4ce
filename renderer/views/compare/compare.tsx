/** The variants of one experiment against their baseline: effects, table, curves. */
import { useCallback, useMemo, useState } from 'react';
import { Button, Menu, Select } from '@mantine/core';
import { ChevronDown } from 'lucide-react';
import type { CommandId } from '../../../src/api/commands';
import type { Output } from '../../../src/api/contract';
import { testMetricOf } from '../../../src/config/metrics';
import { ExportButton } from '../../components/export-button';
import { Empty, Failure, Loading } from '../../components/messages';
import { StateShape } from '../../components/state-mark';
import { View } from '../../frame/view';
import { count, plural } from '../../format';
import { writeReport } from '../../report';
import { useAnswer } from '../../state/answers';
import { command, run, useCommand } from '../../state/commands';
import { openSample } from '../../state/open-file';
import { go } from '../../state/place';
import { copyTable, type TableFormat } from './actions';
import { Curves } from './curves';
import { Effects, Missing } from './effects';
import { ComparisonDetails, VariantDetails } from './inspector';
import { progressOf, type Progress } from './numbers';
import { PickRuns } from './pick-runs';
import { ComparisonTable } from './table';
import './compare.css';

type Experiments = Output<'experiments.list'>;

/** The experiment that was last worked on and has something to compare; else the last one. */
function newest(experiments: Experiments): string | null {
  const byTime = experiments.toSorted((left, right) => right.updatedAt - left.updatedAt);
  return (byTime.find(({ byStatus }) => (byStatus.finished ?? 0) > 0) ?? byTime[0])?.name ?? null;
}

function ExperimentSelect({ experiments, value }: { readonly experiments: Experiments; readonly value: string | null }) {
  const data = experiments.map(({ name }) => name);
  return (
    <Select
      className="compare-experiment"
      size="xs"
      aria-label="Experiment"
      title={value ?? undefined}
      data={value === null || data.includes(value) ? data : [value, ...data]}
      value={value}
      searchable={data.length > 10}
      allowDeselect={false}
      onChange={(name) => name !== null && go({ view: 'compare', experiment: name })}
    />
  );
}

function useCopyCommand(id: CommandId, format: TableFormat, experiment: string | null, metric: string | null): void {
  const action = useCallback(() => experiment !== null && void copyTable(experiment, metric, format), [experiment, metric, format]);
  useCommand(id, experiment === null ? null : action);
}

function CopyMenu() {
  return (
    <Menu position="bottom-end" withinPortal={false}>
      <Menu.Target>
        <Button variant="default" rightSection={<ChevronDown size={14} aria-hidden="true" />}>
          Copy as
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => run('compare.copyMarkdown')}>Markdown</Menu.Item>
        <Menu.Item onClick={() => run('compare.copyCsv')}>CSV</Menu.Item>
        <Menu.Item onClick={() => run('compare.copyLatex')}>LaTeX (booktabs)</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function ReportMenu({ experiment, opened, onChange }: { readonly experiment: string; readonly opened: boolean; readonly onChange: (opened: boolean) => void }) {
  return (
    <Menu position="bottom-end" withinPortal={false} opened={opened} onChange={onChange}>
      <Menu.Target>
        <Button variant="default" rightSection={<ChevronDown size={14} aria-hidden="true" />}>
          Write report
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void writeReport(experiment, experiment)}>HTML…</Menu.Item>
        <Menu.Item onClick={() => void writeReport(experiment, experiment, 'md')}>Markdown…</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** Which metric the numbers are of, where the runs have several. */
function MetricSelect({ comparison: { metric, metrics }, onChange }: { readonly comparison: Output<'compare.experiment'>; readonly onChange: (metric: string) => void }) {
  const key = metric.replace(/ \(best\)$/u, '');
  return (
    <div className="compare-controls">
      <Select size="xs" className="compare-metric" label="Metric" data={metrics.includes(key) ? metrics : [key, ...metrics]} value={key} searchable={metrics.length > 8} allowDeselect={false} onChange={(name) => name !== null && onChange(name)} />
    </div>
  );
}

/** The curve of what is compared. Trainings show how they learned, unless somebody asked for another metric. */
function curveOf({ metric, metrics }: Output<'compare.experiment'>, asked: boolean): string | null {
  const tested = testMetricOf(metric);
  if (tested !== null) return asked ? `validation.${tested}` : null;
  return metrics.length === 0 ? null : metric.replace(/ \(best\)$/u, '');
}

function Provisional({ progress: { finished, total, pending } }: { readonly progress: Progress }) {
  return (
    <p className="compare-note" role="status">
      <span className="state running">
        <StateShape status="running" />
      </span>
      <span>
        Provisional: {count(finished)} of {plural(total, 'run')} finished, {count(pending)} to come. The numbers will change.
      </span>
    </p>
  );
}

export function Compare({ experiment: asked }: { readonly experiment: string | null }) {
  const experiments = useAnswer('experiments.list', {});
  const experiment = asked ?? (experiments.data === undefined ? null : newest(experiments.data));
  const [chosen, setChosen] = useState<{ readonly experiment: string; readonly metric: string } | null>(null);
  const metric = chosen !== null && chosen.experiment === experiment ? chosen.metric : null;
  const answer = useAnswer('compare.experiment', experiment === null ? null : { experiment, ...(metric === null ? {} : { metric }) });
  const comparison = answer.data;
  const progress = useMemo(() => (comparison === undefined ? null : progressOf(comparison)), [comparison]);
  const [selected, setSelected] = useState<string | null>(null);
  const [menu, setMenu] = useState<'report' | 'runs' | null>(null);

  const usable = progress !== null && progress.finished > 0 ? experiment : null;
  useCopyCommand('compare.copyMarkdown', 'md', usable, metric);
  useCopyCommand('compare.copyCsv', 'csv', usable, metric);
  useCopyCommand('compare.copyLatex', 'latex', usable, metric);
  const exported = comparison?.executable === true ? usable : null;
  const exportBundle = useMemo(() => (exported === null ? null : () => go({ view: 'export', target: exported })), [exported]);
  useCommand('bundle.export', exportBundle);
  const openReport = useCallback(() => setMenu('report'), []);
  useCommand('report.write', usable === null ? null : openReport);
  const openRuns = useCallback(() => setMenu('runs'), []);
  useCommand('run.compare', usable === null ? null : openRuns);

  if (experiments.isError) {
    return (
      <View title="Compare">
        <Failure title="The experiments could not be read" error={experiments.error} onRetry={() => void experiments.refetch()} />
      </View>
    );
  }
  if (experiments.data === undefined) {
    return (
      <View title="Compare">
        <Loading text="Reading experiments…" />
      </View>
    );
  }
  if (experiment === null) {
    return (
      <View title="Compare">
        <Empty title="Nothing to compare yet" action={<Button onClick={() => void openSample()}>{command('study.sample').title}</Button>}>
          An ablation trains a baseline and its variants with several seeds; here you see what each change did.
        </Empty>
      </View>
    );
  }

  const variant = comparison?.variants.find(({ name }) => name === selected) ;
  return (
    <View
      title="Compare"
      subtitle={<ExperimentSelect experiments={experiments.data} value={experiment} />}
      actions={
        usable !== null &&
        comparison !== undefined && (
          <>
            <CopyMenu />
            <ReportMenu experiment={usable} opened={menu === 'report'} onChange={(opened) => setMenu(opened ? 'report' : null)} />
            <ExportButton onExport={exportBundle} />
          </>
        )
      }
      inspector={
        usable === null || comparison === undefined
          ? null
          : variant === undefined
            ? { title: usable, content: <ComparisonDetails comparison={comparison} />, selected: false }
            : { title: variant.name, content: <VariantDetails variant={variant} comparison={comparison} /> }
      }
    >
      {comparison === undefined || progress === null ? (
        answer.isError ? (
          <Failure title="The runs could not be compared" error={answer.error} onRetry={() => void answer.refetch()} />
        ) : (
          <Loading text="Comparing the runs…" />
        )
      ) : progress.finished === 0 && progress.pending === 0 ? (
        <Empty title="No run of this experiment has a result">
          <Missing cells={progress.lost} />
        </Empty>
      ) : (
        <div className="compare-page">
          {progress.pending > 0 && <Provisional progress={progress} />}
          {comparison.metrics.length > 1 && <MetricSelect comparison={comparison} onChange={(next) => setChosen({ experiment, metric: next })} />}
          <Effects comparison={comparison} progress={progress} />
          <ComparisonTable
            comparison={comparison}
            aside={<PickRuns variants={comparison.variants} opened={menu === 'runs'} onChange={(opened) => setMenu(opened ? 'runs' : null)} />}
            provisional={progress.pending > 0}
            selected={variant?.name ?? null}
            onSelect={setSelected}
          />
          <Curves key={`${experiment}\n${comparison.metric}`} experiment={experiment} preferred={curveOf(comparison, metric !== null)} />
        </div>
      )}
    </View>
  );
}
