import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeRecord } from '../../../src/events/codec';
import { logOwner, ownerFile } from '../../../src/events/owner';
import { readEvents } from '../../../src/events/reader';
import { recordProblem, sayable } from '../../../src/events/record-problem';
import { fromLogged, toLogged, type EventBody, type EventRecord, type LoggedNumber } from '../../../src/events/records';
import { EventLogWriter } from '../../../src/events/writer';
import { identityOf } from '../../../src/files/process-identity';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'reprise-events-'));
  file = path.join(folder, 'events.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bodies: readonly EventBody[] = [
  { type: 'attempt', attempt: 1, fromStep: 0, totalSteps: 6, stepsPerEpoch: 3, pid: 42 },
  { type: 'steps', firstStep: 0, losses: [2.5, 'NaN', 'Infinity'], learningRates: [0.1, 0.1, 0.1], seconds: 0.5 },
  { type: 'message', level: 'info', text: 'line\nbreak, Größe, 数字' },
  { type: 'cancelled', step: 3 },
];

function writeAll(): EventRecord[] {
  const writer = EventLogWriter.open(file);
  const records = bodies.map((body) => writer.append(body));
  writer.close();
  return records;
}

/** Ends of the lines: how many whole records a prefix of each length holds. */
function wholeRecords(bytes: Uint8Array, length: number): number {
  return bytes.subarray(0, length).filter((byte) => byte === 0x0a).length;
}

describe('the event log', () => {
  it('has the checksum zip uses', () => {
    // CRC-32 (IEEE 802.3) of this text, as Python's zlib.crc32 has it.
    expect(new TextDecoder().decode(encodeRecord({ type: 'requeued', seq: 4, time: 5 }))).toBe('fdc116c3 {"type":"requeued","seq":4,"time":5}\n');
  });

  it('takes many records at once, and goes on where somebody knows that it stands', () => {
    const writer = EventLogWriter.open(file);
    const first = writer.appendAll(bodies);
    expect(writer.appendAll([])).toEqual([]);
    expect(writer.bytes).toBe(statSync(file).size);
    // Where each ends the next one begins.
    for (const [index, { end }] of first.entries()) expect(readEvents(file, end, index + 1).records).toEqual(first.slice(index + 1).map(({ record }) => record));
    const known = { bytes: writer.bytes, records: first.length };
    writer.append({ type: 'requeued' });
    writer.close();
    appendFileSync(file, 'torn');
    const again = EventLogWriter.open(file, known);
    expect(again.existing).toMatchObject([{ type: 'requeued', seq: 4 }]);
    expect(again.append({ type: 'requeued' }).seq).toBe(5);
    expect(again.isGone()).toBe(false);
    again.close();
    expect(readEvents(file, 0).records.map((record) => record.seq)).toEqual([0, 1, 2, 3, 4, 5]);
    for (const wrong of [{ bytes: known.bytes - 1, records: 4 }, { bytes: known.bytes, records: 3 }, { bytes: 9999, records: 4 }]) {
      expect(() => EventLogWriter.open(file, wrong)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_CORRUPT' }));
    }
    expect(logOwner(file)).toBeNull();
  });

  it.skipIf(process.platform === 'win32')('knows that it was removed', () => {
    const writer = EventLogWriter.open(file);
    rmSync(file);
    expect(writer.isGone()).toBe(true);
    writer.close();
  });

  it.each([1, 40, 100, 200, 5000])('read in pieces of about %i bytes is the same', (most) => {
    const writer = EventLogWriter.open(file);
    const records = Array.from({ length: 5 }, () => writer.appendAll([...bodies, { type: 'message', level: 'info', text: 'x'.repeat(300) }]).map(({ record }) => record)).flat();
    writer.close();
    appendFileSync(file, '00000000 {"torn');
    const found: EventRecord[] = [];
    let offset = 0;
    for (let batch = readEvents(file, 0, 0, most); batch.offset > offset; batch = readEvents(file, offset, found.length, most)) {
      found.push(...batch.records);
      offset = batch.offset;
    }
    expect(found).toEqual(records);
    // A damaged line is told from a torn one, however far behind it the next whole one is.
    const bytes = readFileSync(file);
    bytes[bytes.indexOf('"attempt"')] = 0x21;
    writeFileSync(file, bytes);
    expect(() => readEvents(file, 0, 0, most)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_CORRUPT' }));
  });

  it('says every number', () => {
    const values = [0, -0, 1.5, Number.NaN, Infinity, -Infinity];
    const said = JSON.parse(JSON.stringify(values.map(toLogged))) as LoggedNumber[];
    expect(said.map(fromLogged)).toEqual(values);
    expect(sayable({ type: 'points', key: 'k', steps: [1, 2], times: [1, 2], values: [Number.NaN, -0] })).toMatchObject({ values: ['NaN', '-0'] });
  });

  it.each<[string, EventBody]>([
    ['steps that are no whole numbers', { type: 'points', key: 'k', steps: [0.5], times: [1], values: [1] }],
    ['columns of unequal length', { type: 'points', key: 'k', steps: [1], times: [1], values: [] }],
    ['times that are no numbers', { type: 'points', key: 'k', steps: [1], times: [Infinity], values: [1] }],
    ['a metric without a name', { type: 'points', key: '', steps: [], times: [], values: [] }],
    ['a path that leads out', { type: 'file', path: 'a/../b', sha256: null, bytes: 0 }],
    ['a path of another system', { type: 'file', path: String.raw`a\b`, sha256: null, bytes: 0 }],
    ['a drive', { type: 'file', path: 'C:/b', sha256: null, bytes: 0 }],
    ['a tag without a name', { type: 'tags', tags: { '': null } }],
    ['a parameter that is no text', { type: 'params', params: { lr: 1 as unknown as string } }],
    ['a parameter that goes', { type: 'params', params: { lr: null as unknown as string } }],
    ['a size that is none', { type: 'file', path: 'a', sha256: null, bytes: 0.5 }],
    ['an end that no date has', { type: 'state', endedAt: 1e300 }],
    ['a beginning that is no number', { type: 'state', startedAt: Number.NaN }],
    ['a data set that says something else than texts', { type: 'dataset', name: 'd', digest: '1', sourceType: 'x', source: 'y', schema: {} as unknown as string, profile: null, tags: {} }],
  ])('names %s', (_what, record) => {
    expect(recordProblem(record)).toEqual(expect.any(String));
  });

  it('finds nothing wrong with what is right', () => {
    for (const record of [...bodies, { type: 'file', path: 'a/.b/c..d', sha256: null, bytes: 0 }, { type: 'points', key: 'k', steps: [-5, 2 ** 53 - 1], times: [0.5, -1], values: ['NaN', 1] }, { type: 'state', startedAt: -0.5, endedAt: null }, { type: 'tags', tags: { a: null, b: '' } }] as const) {
      expect(recordProblem(record)).toBeNull();
    }
  });

  it('gives back what was appended, numbered from 0', () => {
    const records = writeAll();
    expect(records.map((record) => record.seq)).toEqual([0, 1, 2, 3]);
    expect(readEvents(file, 0)).toEqual({ records, offset: statSync(file).size });
    const writer = EventLogWriter.open(file);
    expect(writer.existing).toEqual(records);
    const next = writer.append({ type: 'requeued' });
    writer.close();
    expect(next.seq).toBe(4);
    expect(readEvents(file, 0).records).toEqual([...records, next]);
  });

  it('can be tailed, byte by byte as it grows', () => {
    const records = writeAll();
    const bytes = readFileSync(file);
    const growing = path.join(folder, 'growing.log');
    expect(readEvents(growing, 0)).toEqual({ records: [], offset: 0 });
    const seen: EventRecord[] = [];
    let offset = 0;
    for (let length = 1; length <= bytes.length; length++) {
      appendFileSync(growing, bytes.subarray(length - 1, length));
      const batch = readEvents(growing, offset);
      seen.push(...batch.records);
      offset = batch.offset;
      expect(seen).toHaveLength(wholeRecords(bytes, length));
    }
    expect(seen).toEqual(records);
    expect(offset).toBe(bytes.length);
  });

  it('truncated at any byte, keeps every whole record and goes on after them', () => {
    const records = writeAll();
    const bytes = readFileSync(file);
    for (let length = 0; length <= bytes.length; length++) {
      writeFileSync(file, bytes.subarray(0, length));
      const whole = wholeRecords(bytes, length);
      expect(readEvents(file, 0).records).toEqual(records.slice(0, whole));
      const writer = EventLogWriter.open(file);
      expect(writer.existing).toHaveLength(whole);
      const next = writer.append({ type: 'requeued' });
      writer.close();
      expect(next.seq).toBe(whole);
      expect(readEvents(file, 0).records).toEqual([...records.slice(0, whole), next]);
    }
  });

  it('with any byte flipped, yields no wrong record: a tail is repaired, a middle refused', () => {
    const records = writeAll();
    const bytes = readFileSync(file);
    const lastLine = bytes.subarray(0, bytes.length - 1).lastIndexOf(0x0a) + 1;
    for (let position = 0; position < bytes.length; position++) {
      for (const mask of [0x01, 0x20, 0x80]) {
        const damaged = Uint8Array.from(bytes);
        damaged[position]! ^= mask;
        writeFileSync(file, damaged);
        const line = wholeRecords(bytes, position);
        // A damaged newline joins its line with the next.
        const inTail = position >= lastLine || (bytes[position] === 0x0a && line >= records.length - 2);
        if (inTail) {
          expect(readEvents(file, 0).records).toEqual(records.slice(0, line));
          const writer = EventLogWriter.open(file);
          expect(writer.existing).toEqual(records.slice(0, line));
          writer.close();
          expect(readEvents(file, 0).offset).toBe(statSync(file).size);
        } else {
          const corrupt = expect.objectContaining({ code: 'EVENT_LOG_CORRUPT', message: expect.stringContaining(`${file} is damaged in line ${line + 1}:`) });
          expect(() => readEvents(file, 0)).toThrow(corrupt);
          expect(() => EventLogWriter.open(file)).toThrow(corrupt);
          expect(readFileSync(file)).toEqual(Buffer.from(damaged));
        }
      }
    }
  });

  it('names the line also when it is found while tailing', () => {
    writeAll();
    const bytes = readFileSync(file);
    const offset = bytes.indexOf(0x0a) + 1;
    bytes[offset + 12]! ^= 1;
    writeFileSync(file, bytes);
    expect(() => readEvents(file, offset)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_CORRUPT', message: expect.stringContaining('line 2') }));
  });

  it('refuses a log with a record missing or from elsewhere', () => {
    const records = writeAll();
    writeFileSync(file, Buffer.concat([records[0]!, records[2]!].map(encodeRecord)));
    expect(() => readEvents(file, 0)).toThrow(/line 2: it has the number 2, expected 1/);
    expect(() => EventLogWriter.open(file)).toThrow(/line 2/);
    expect(existsSync(ownerFile(file))).toBe(false);
  });

  it('refuses to tail a file that is not the one read before', () => {
    writeAll();
    const { offset } = readEvents(file, 0);
    writeFileSync(file, readFileSync(file).subarray(0, offset - 5));
    expect(() => readEvents(file, offset)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_CORRUPT' }));
    rmSync(file);
    expect(() => readEvents(file, offset)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_CORRUPT' }));
  });
});

describe('owning the event log', () => {
  it('is for one writer at a time, in one process too', () => {
    const writer = EventLogWriter.open(file);
    expect(logOwner(file)).toEqual(identityOf(process.pid));
    expect(() => EventLogWriter.open(file)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_OWNED' }));
    writer.close();
    writer.close();
    expect(logOwner(file)).toBeNull();
    expect(readdirSync(folder)).toEqual(['events.log']);
    EventLogWriter.open(file).close();
  });

  it('belongs to another process while that lives, and is free after its kill -9', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    const identity = identityOf(child.pid!)!;
    writeFileSync(ownerFile(file), JSON.stringify(identity));
    writeFileSync(file, 'torn');
    expect(() => EventLogWriter.open(file)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_OWNED', message: expect.stringContaining(String(child.pid)) }));
    expect(readFileSync(file, 'utf8')).toBe('torn');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const writer = EventLogWriter.open(file);
    expect(readFileSync(file, 'utf8')).toBe('');
    writer.close();
  });

  it('removes what a killed claimant left, and leaves a living one alone', () => {
    const self = identityOf(process.pid)!;
    const dead = `${ownerFile(file)}.${2 ** 31 - 1}.${randomUUID()}`;
    const living = `${ownerFile(file)}.${process.pid}.${randomUUID()}`;
    writeFileSync(dead, JSON.stringify({ ...self, pid: 2 ** 31 - 1 }));
    writeFileSync(living, JSON.stringify(self));
    EventLogWriter.open(file).close();
    expect([existsSync(dead), existsSync(living)]).toEqual([false, true]);
  });

  it('may belong to a process that cannot be looked at from here, and is left alone then', () => {
    const foreign = { ...identityOf(process.pid)!, host: 'elsewhere', namespace: 'pid:[1]', boot: 'another' };
    writeFileSync(ownerFile(file), JSON.stringify(foreign));
    writeFileSync(file, 'torn');
    expect(logOwner(file)).toEqual(foreign);
    expect(() => EventLogWriter.open(file)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_OWNED', hint: expect.stringContaining(`delete ${ownerFile(file)}`) as string }));
    expect(readFileSync(file, 'utf8')).toBe('torn');
  });

  it('is given back only while it is held', () => {
    const writer = EventLogWriter.open(file);
    writeFileSync(ownerFile(file), JSON.stringify({ ...identityOf(process.pid)!, host: 'elsewhere', namespace: 'pid:[1]', boot: 'another' }));
    writer.close();
    expect(existsSync(ownerFile(file))).toBe(true);
  });

  it.each([
    ['a process id that was given to another process', JSON.stringify({ pid: process.pid, startTime: 'long ago' })],
    ['an owner file that is damaged', '{"pid":'],
    ['an empty owner file', ''],
  ])('is taken over from %s', (_, content) => {
    writeFileSync(ownerFile(file), content);
    EventLogWriter.open(file).close();
    expect(readdirSync(folder)).toEqual(['events.log']);
  });
});
