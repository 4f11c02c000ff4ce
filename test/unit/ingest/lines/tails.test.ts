import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EventBody } from '../../../../src/events/records';
import { metricsTail, outputTail } from '../../../../src/ingest/lines/output';
import type { Tail } from '../../../../src/ingest/tail/types';

function emptyFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-lines-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'metrics.jsonl');
}

const points = (records: readonly EventBody[]): [string, number[], unknown[]][] => records.flatMap((record) => (record.type === 'points' ? [[record.key, [...record.steps], [...record.values]] as [string, number[], unknown[]]] : []));
const poll = async (tail: Tail, final = false): Promise<[string, number[], unknown[]][]> => points((await tail.poll(final)).records);

describe('a file of metrics', () => {
  it('is waited for, read line by line, and to its end when the program has ended', async () => {
    const file = emptyFile();
    const tail = metricsTail(file);
    expect(await poll(tail)).toEqual([]);
    writeFileSync(file, '{"loss": 1}\n{"lo');
    expect(await poll(tail)).toEqual([['loss', [0], [1]]]);
    expect(await poll(tail)).toEqual([]);
    appendFileSync(file, 'ss": 2}\n\n{"loss": 3}');
    expect(await poll(tail)).toEqual([['loss', [1], [2]]]);
    expect(await poll(tail, true)).toEqual([['loss', [2], [3]]]);
    expect(await poll(tail, true)).toEqual([]);
  });

  it('goes on where an earlier reader had got to, with its count of steps', async () => {
    const file = emptyFile();
    writeFileSync(file, '{"loss": 1}\n{"loss": 2, "step": 10}\n{"los');
    const { position } = await metricsTail(file).poll();
    appendFileSync(file, 's": 3}\n');
    expect(await poll(metricsTail(file, position))).toEqual([['loss', [11], [3]]]);
    expect(() => metricsTail(file, 'nonsense')).toThrow(expect.objectContaining({ code: 'POSITION_INVALID' }));
  });

  it('that becomes shorter is read from its beginning, and says so', async () => {
    const file = emptyFile();
    writeFileSync(file, '{"loss": 1}\n{"loss": 2}\n');
    const tail = metricsTail(file);
    await tail.poll();
    writeFileSync(file, '{"acc": 5}\n');
    const batch = await tail.poll();
    expect(batch.more).toBe(true);
    expect(batch.records).toEqual([expect.objectContaining({ type: 'message', level: 'warning' })]);
    expect(await poll(tail)).toEqual([['acc', [0], [5]]]);
  });

  it('may have lines that are none, which are named once', async () => {
    const file = emptyFile();
    writeFileSync(file, 'hello\n{"loss": 1}\nworld\n');
    const { records } = await metricsTail(file).poll();
    expect(records.filter(({ type }) => type === 'message')).toHaveLength(1);
    expect(points(records)).toEqual([['loss', [0], [1]]]);
  });

  it('of many lines comes in records of a moderate length', async () => {
    const file = emptyFile();
    writeFileSync(file, Array.from({ length: 12_000 }, (_, step) => `{"step": ${step}, "loss": ${step}}\n`).join(''));
    const tail = metricsTail(file);
    const found: [string, number[], unknown[]][] = [];
    for (let more = true; more; ) {
      const batch = await tail.poll();
      found.push(...points(batch.records));
      more = batch.more;
    }
    expect(found.map(([, steps]) => steps.length).reduce((sum, count) => sum + count, 0)).toBe(12_000);
    expect(Math.max(...found.map(([, steps]) => steps.length))).toBeLessThanOrEqual(5000);
  });
});

describe('the output of a command', () => {
  const line = (stream: string, text: string, time = 1000): string => `${JSON.stringify({ time, stream, text })}\n`;

  it('gives metrics of JSON on the standard output, of patterns on both, with the time of the line', async () => {
    const file = emptyFile();
    writeFileSync(file, line('stdout', '{"loss": 1}', 5) + line('stderr', '{"loss": 2}') + line('stderr', 'acc 3', 7) + line('note', 'acc 4') + 'torn');
    const { records } = await outputTail(file, { output: true, patterns: [{ pattern: 'acc (?<value>\\d)', key: 'acc' }] }).poll();
    expect(records).toEqual([
      { type: 'points', key: 'loss', steps: [0], times: [5], values: [1] },
      { type: 'points', key: 'acc', steps: [0], times: [7], values: [3] },
    ]);
    expect(await poll(outputTail(file, { output: false, patterns: [] }))).toEqual([]);
  });
});
