/** What other machines write is taken in once, in the time of here, and nowhere but in the folder of its run. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeRecords } from '../../../src/events/codec';
import type { ArtifactRecord, EventRecord, NewRecord } from '../../../src/events/records';
import { readEvents } from '../../../src/events/reader';
import { EventLogWriter } from '../../../src/events/writer';
import { appendPiece, fileHere } from '../../../src/execution/remote/fetch';
import { prologueOf, quotedPath } from '../../../src/execution/remote/shell';
import { TrainingLog } from '../../../src/execution/remote/training-log';

let base: string;
let runFolder: string;
beforeAll(() => void (base = mkdtempSync(path.join(tmpdir(), 'reprise-remote-'))));
beforeEach(() => void (runFolder = mkdtempSync(path.join(base, 'run-'))));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const ARTIFACT: ArtifactRecord = { type: 'artifact', name: 'weights', file: 'weights.safetensors', sha256: 'a'.repeat(64), bytes: 3 };

describe('the log of a training elsewhere', () => {
  const HOUR = 3_600_000;
  const there: EventRecord[] = [
    { type: 'attempt', attempt: 1, fromStep: 0, totalSteps: 2, stepsPerEpoch: 2, pid: 7, seq: 0, time: 1_000 + HOUR },
    { type: 'steps', firstStep: 0, losses: [1, 'NaN'], learningRates: [0.1, 0.1], seconds: 1, seq: 1, time: 2_000 + HOUR },
    { ...ARTIFACT, seq: 2, time: 3_000 + HOUR },
  ];
  const { bytes, ends } = encodeRecords(there);

  /** A host: what it tells goes to the log; `order` is in which files came and records were told. */
  const host = (): { readonly log: TrainingLog; readonly order: string[] } => {
    const order: string[] = [];
    const tell = (...records: readonly NewRecord[]): Promise<void> => {
      const writer = EventLogWriter.open(path.join(runFolder, 'events.log'));
      writer.appendAll(records);
      writer.close();
      order.push(...records.map(({ type }) => type));
      return Promise.resolve();
    };
    const fetch = ({ file }: ArtifactRecord): Promise<void> => Promise.resolve(void order.push(file));
    return { log: new TrainingLog({ order: { runFolder, runId: 'r', tell }, aheadMs: HOUR, fetch }), order };
  };
  const here = (): EventRecord[] => readEvents(path.join(runFolder, 'events.log'), 0).records;

  it('is told in the time of here, files before the records that name them, each record once whatever pieces it comes in', async () => {
    const { log, order } = host();
    for (let from = 0; from < bytes.length; ) {
      const piece = bytes.subarray(log.offset, Math.min(bytes.length, from + 50));
      await log.take(piece);
      from += 50;
    }
    const records = here().filter(({ type }) => type !== 'source');
    expect(records.map(({ seq: _seq, ...record }) => record)).toEqual(there.map(({ seq: _seq, ...record }) => ({ ...record, time: record.time - HOUR })));
    expect(order.indexOf('weights.safetensors')).toBeLessThan(order.indexOf('artifact'));
    expect(order.indexOf('weights.safetensors')).toBeGreaterThanOrEqual(0);
    expect(log.offset).toBe(bytes.length);
  });

  it('goes on with the next host where the last one stopped', async () => {
    await host().log.take(bytes.subarray(0, ends[1]! + 10));
    const { log } = host();
    expect(log.offset).toBe(ends[1]);
    await log.take(bytes.subarray(log.offset));
    expect(here().map(({ type }) => type)).toEqual(['attempt', 'steps', 'source', 'artifact', 'source']);
  });

  it('is not told past a record whose file does not come', async () => {
    const { log } = host();
    const failing = new TrainingLog({ order: { runFolder, runId: 'r', tell: () => Promise.reject(new Error('told')) }, aheadMs: 0, fetch: () => Promise.reject(new Error('no such file')) });
    await expect(failing.take(bytes)).rejects.toThrow('no such file');
    expect(failing.offset).toBe(0);
    await log.take(bytes);
    expect(log.offset).toBe(bytes.length);
  });

  it('is refused where it is damaged', async () => {
    const damaged = Buffer.from(bytes);
    damaged[20] = damaged[20]! ^ 1;
    await expect(host().log.take(damaged)).rejects.toMatchObject({ code: 'EVENT_LOG_CORRUPT' });
  });

  it.each([
    ['numbers that are none', { type: 'steps', firstStep: 1, losses: 'none', learningRates: [], seconds: 1 }, /record 1 .*losses/u],
    ['a file name that is none', { type: 'artifact', name: 'weights', file: 7, sha256: 'a'.repeat(64), bytes: 3 }, /record 1 .*file/u],
    ['what the host alone tells', { type: 'place', event: 'collected', attempt: 1, executor: 'ssh', machine: 'box' }, /record 1 .*"place"/u],
    ['a type that nobody knows', { type: 'command', text: 'rm' }, /record 1 .*"command"/u],
    ['a time that no date has', { type: 'message', level: 'info', text: 'late', time: 1e300 }, /record 1 .*time/u],
  ])('is taken in up to a record with %s', async (_what, record, sentence) => {
    const [first, , last] = there;
    const { log, order } = host();
    const { bytes: foreign, ends: endsThere } = encodeRecords([first!, { seq: 1, time: HOUR, ...record } as unknown as EventRecord, last!]);
    for (let again = 0; again < 2; again += 1) {
      await expect(log.take(foreign.subarray(log.offset))).rejects.toMatchObject({ code: 'EVENT_LOG_CORRUPT', message: expect.stringMatching(sentence) as string });
    }
    expect(log.offset).toBe(endsThere[0]);
    expect(order).toEqual(['attempt', 'source']);
  });
});

describe('files of a run elsewhere', () => {
  it.each(['../evil', '/etc/passwd', 'a/../../b', 'a//b', '.', 'a/..', 'a\\..\\b', 'a\0b', ''])('never lead out of its folder: %j', (name) => {
    expect(() => fileHere(runFolder, name)).toThrow(expect.objectContaining({ code: 'OUTPOST_ANSWER_INVALID' }));
  });

  it.each(['run.json', 'events.log', 'Events.log', 'events.log.owner', 'cancel', 'worker.pid'])('are none that the host writes: %s', (name) => {
    expect(() => fileHere(runFolder, name)).toThrow(expect.objectContaining({ code: 'OUTPOST_ANSWER_INVALID' }));
  });

  it('may be called as people call files', () => {
    expect(fileHere(runFolder, 'work/größe 1/..a')).toBe(path.join(runFolder, 'work', 'größe 1', '..a'));
  });

  it('grow by what is new, also where a piece comes again', async () => {
    const file = path.join(runFolder, 'attempt-1', 'output.jsonl');
    await appendPiece(runFolder, 'attempt-1/output.jsonl', 0, Buffer.from('one\n'));
    await appendPiece(runFolder, 'attempt-1/output.jsonl', 4, Buffer.from('two\n'));
    await appendPiece(runFolder, 'attempt-1/output.jsonl', 4, Buffer.from('two\nthree\n'));
    await appendPiece(runFolder, 'attempt-1/output.jsonl', 100, Buffer.from('not yet'));
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\nthree\n');
    await appendPiece(runFolder, 'attempt-1/output.jsonl', 0, Buffer.from('anew\n'));
    expect(readFileSync(file, 'utf8')).toBe('anew\n');
    writeFileSync(file, '');
    await appendPiece(runFolder, 'attempt-1/output.jsonl', 4, Buffer.from('late'));
    expect(readFileSync(file, 'utf8')).toBe('');
  });
});

describe('lines that come before a program', () => {
  it('quote names, and leave the home folder to the shell', () => {
    expect(quotedPath("~/it's mine")).toBe(String.raw`~/'it'\''s mine'`);
    expect(prologueOf({ modules: ['cuda/12', 'a b'], venv: '~/v e', prologue: ['export X=$HOME'] })).toEqual([
      'command -v module > /dev/null || . /etc/profile',
      'module load cuda/12',
      "module load 'a b'",
      ". ~/'v e'/bin/activate",
      'export X=$HOME',
    ]);
    expect(prologueOf({})).toEqual([]);
  });
});
