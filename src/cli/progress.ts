import { formatDuration, formatMeasured, formatPlain } from '../analysis/format';
import type { RunView } from '../api/rows';
import { METRIC_NAMES, METRICS } from '../config/metrics';
import { harmless, say } from './output';

/** Metrics that fit on a line. */
const METRICS_SHOWN = 4;

/** `loss 0.12, val/acc 0.9`, with a word on the rest. What the machine was used for is left out. */
export function metricsInWords(metrics: Readonly<Record<string, number>>, most = METRICS_SHOWN): string {
  const own = Object.entries(metrics).filter(([name]) => !name.startsWith('system/'));
  const shown = own.slice(0, most).map(([name, value]) => `${name} ${formatPlain(value)}`);
  return [...shown, ...(own.length > shown.length ? [`${own.length - shown.length} more`] : [])].join(', ');
}

/** `loss 0.08, top-5 accuracy 0.9991` of a training's test split. */
export function testInWords(metrics: Readonly<Record<string, number>>): string {
  return METRIC_NAMES.filter((name) => metrics[name] !== undefined).map((name) => `${METRICS[name].title} ${formatMeasured(metrics[name])}`).join(', ');
}

/** Milliseconds between two lines about the same run where stderr is no terminal. */
const LINE_INTERVAL = 5000;

/** Tells on stderr how runs come along: a line that rewrites itself in a terminal, else a line now and then. */
export class ProgressPrinter {
  private readonly rows = new Map<string, RunView>();
  private readonly lastLine = new Map<string, number>();
  /** Latest metrics of runs that have no loss of their own. */
  private readonly metrics = new Map<string, Readonly<Record<string, number>>>();
  private width = 0;
  private total = 0;

  /** Sets how many runs there are to wait for. */
  expect(total: number): void {
    this.total = total;
  }

  /** @param metrics latest value of each series, of a command */
  update(row: RunView, metrics?: Readonly<Record<string, number>>): void {
    if (metrics !== undefined) this.metrics.set(row.runId, metrics);
    const before = this.rows.get(row.runId);
    this.rows.set(row.runId, row);
    if (process.stderr.isTTY) {
      this.rewrite(this.summary());
      return;
    }
    const now = Date.now();
    const changed = before?.status !== row.status;
    if (!changed && now - (this.lastLine.get(row.runId) ?? 0) < LINE_INTERVAL) return;
    this.lastLine.set(row.runId, now);
    say(this.lineOf(row));
  }

  /** Leaves the terminal on a fresh line. */
  end(): void {
    if (process.stderr.isTTY && this.width > 0) this.rewrite('');
  }

  private lineOf(row: RunView): string {
    const name = `${row.variant ?? row.name ?? row.experiment}${row.seed === null ? '' : `, seed ${row.seed}`}`;
    if (row.status === 'running' && row.kind === 'command') {
      const words = metricsInWords(this.metrics.get(row.runId) ?? {});
      return `${name}: running${words === '' ? '' : `, ${words}`}`;
    }
    if (row.status === 'finished' && row.kind === 'training') return `${name}: finished after ${row.stepsDone} steps`;
    if (row.status !== 'running' || row.totalSteps === null) return `${name}: ${row.status}`;
    const eta = row.throughput !== null && row.throughput > 0 ? `, ≈ ${formatDuration((row.totalSteps - row.stepsDone) / row.throughput)} left` : '';
    return `${name}: step ${row.stepsDone} of ${row.totalSteps}, loss ${formatPlain(row.finalLoss)}${eta}`;
  }

  private summary(): string {
    const rows = [...this.rows.values()];
    const running = rows.filter((row) => row.status === 'running');
    const done = rows.filter((row) => ['finished', 'failed', 'cancelled'].includes(row.status)).length;
    const head = this.total > 1 ? `${done} of ${this.total} runs done. ` : '';
    return head + running.map((row) => this.lineOf(row)).join(' · ');
  }

  private rewrite(text: string): void {
    const columns = process.stderr.columns ?? 80;
    const plain = harmless(text);
    const line = plain.length >= columns ? `${plain.slice(0, columns - 2)}…` : plain;
    process.stderr.write(`\r${line.padEnd(this.width)}${line === '' ? '\r' : ''}`);
    this.width = line.length;
  }
}
