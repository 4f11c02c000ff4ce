import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readLog } from '../../../src/ingest/wandb/log-frames';
import { RecordSchema } from '../../../src/ingest/wandb/proto/record_pb';
import { WandbTail } from '../../../src/ingest/wandb/tail';
import { drain, filesOf, messagesOf, paramsOf, seriesOf, tagsOf } from '../../helpers/trackers';

const BLOCK = 32 * 1024;
const HEADER = Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00]);

/** A log of records, framed as LevelDB's writer does. */
function logOf(records: readonly Uint8Array[]): Buffer {
  const pieces: Buffer[] = [HEADER];
  let at = HEADER.length;
  const write = (bytes: Buffer): void => {
    pieces.push(bytes);
    at += bytes.length;
  };
  for (const record of records) {
    for (let from = 0, first = true; first || from < record.length; first = false) {
      const left = BLOCK - (at % BLOCK);
      if (left < 7) write(Buffer.alloc(left));
      const room = BLOCK - (at % BLOCK) - 7;
      const data = Buffer.from(record.subarray(from, from + room));
      from += data.length;
      const type = first ? (from >= record.length ? 1 : 2) : from >= record.length ? 4 : 3;
      const header = Buffer.alloc(7);
      header.writeUInt32LE(crc32(data, crc32(Buffer.from([type]))), 0);
      header.writeUInt16LE(data.length, 4);
      header.writeUInt8(type, 6);
      write(Buffer.concat([header, data]));
    }
  }
  return Buffer.concat(pieces);
}

const lengths = [0, 10, 32_740, 5, 32_754, 7, 100_000, 3];
const records = lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
const whole = logOf(records);

describe('the log', () => {
  test('records lie across blocks, and read in any pieces they are the same', () => {
    for (const piece of [1000, BLOCK - 1, BLOCK, BLOCK + 1, 70_001]) {
      const found: Uint8Array[] = [];
      let from = 0;
      for (let end = piece; ; ) {
        const { records: some, used, damaged } = readLog(whole.subarray(from, end), from, false);
        expect(damaged).toEqual([]);
        found.push(...some.map((one) => one.slice()));
        from += used;
        if (end >= whole.length) break;
        end = Math.min(whole.length, end + piece);
      }
      expect(found.map(({ length }) => length)).toEqual(lengths);
      expect(found.every((record, index) => record.every((byte) => byte === index + 1))).toBe(true);
      expect(from).toBe(whole.length);
    }
  });

  test('damage costs the rest of its block and no more', () => {
    const many = Array.from({ length: 2000 }, (_, index) => Buffer.from(`record ${index} ${'x'.repeat(60)}`));
    const bytes = logOf(many);
    bytes.writeUInt8(bytes.readUInt8(BLOCK + 1000) ^ 1, BLOCK + 1000);
    const { records: found, damaged, used } = readLog(bytes, 0, false);
    const numbers = found.map((record) => Number(Buffer.from(record).toString().split(' ')[1]));
    expect(damaged).toHaveLength(1);
    expect(damaged[0]).toBeGreaterThan(BLOCK);
    expect(damaged[0]).toBeLessThan(BLOCK + 1001);
    expect(used).toBe(bytes.length);
    const missing = Array.from({ length: 2000 }, (_, index) => index).filter((number) => !numbers.includes(number));
    expect(missing.length).toBeGreaterThan(300);
    expect(missing.length).toBeLessThan(420);
    expect(missing).toEqual(Array.from({ length: missing.length }, (_, index) => (missing[0] as number) + index));
  });

  test('damage in the last block waits while the log may be written to', () => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8(99, whole.length - 1);
    expect(readLog(bytes, 0, false)).toMatchObject({ damaged: [] });
    expect(readLog(bytes, 0, false).records).toHaveLength(lengths.length - 1);
    expect(readLog(bytes, 0, true).damaged).toHaveLength(1);
  });

  test('whatever the bytes, reading ends within them and gives no record that was not written', () => {
    let state = 1;
    // Xorshift: any bytes will do, the same ones each time.
    const random = (): number => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    };
    for (let round = 0; round < 200; round++) {
      const bytes = Buffer.from(whole);
      for (let change = 0; change < 1 + (round % 5); change++) bytes.writeUInt8(random() & 0xff, HEADER.length + (random() % (whole.length - HEADER.length)));
      for (const ended of [false, true]) {
        const { records: found, used } = readLog(bytes, 0, ended);
        expect(used).toBeLessThanOrEqual(bytes.length);
        expect(found.every((record) => record.every((byte) => byte === record[0]) && lengths.includes(record.length))).toBe(true);
      }
    }
  });

  test('a file that is no such log is told apart from one that is not there yet', () => {
    expect(readLog(HEADER.subarray(0, 3), 0, false)).toMatchObject({ foreign: false, used: 0 });
    expect(readLog(Buffer.from(':W&X'), 0, false)).toMatchObject({ foreign: true });
  });
});

describe('a run', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reprise-wandb-log-'));
    await mkdir(join(folder, 'offline-run-1', 'files'), { recursive: true });
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const put = async (source: Uint8Array | { readonly file: string }) => Promise.resolve({ sha256: source instanceof Uint8Array ? 'bytes' : source.file, bytes: 0 });
  type Init = MessageInitShape<typeof RecordSchema>['recordType'];
  const write = async (...all: readonly Init[]): Promise<void> => writeFile(join(folder, 'offline-run-1', 'run-1.wandb'), logOf(all.map((recordType) => toBinary(RecordSchema, create(RecordSchema, { ...(recordType === undefined ? {} : { recordType }) })))));
  const items = (values: Readonly<Record<string, unknown>>) => Object.entries(values).map(([key, value]) => ({ key, valueJson: typeof value === 'string' && value.startsWith('=') ? value.slice(1) : JSON.stringify(value) }));

  test("the forms of older clients: keys with nested values, wrapped parameters, steps in parts", async () => {
    await write(
      { case: 'run', value: { runId: 'r', config: { update: items({ lr: { desc: null, value: 0.1 }, _wandb: { value: {} }, model: { value: { kind: 'x' } } }) } } },
      { case: 'history', value: { item: items({ loss: 1, nested: { a: 2, b: '=x' }, odd: '=NaN', _step: 7, _timestamp: 100.5, _runtime: 3 }) } },
      { case: 'history', value: { item: items({ deep: '={"a": NaN, "b": [NaN]}', _step: 8, _timestamp: 101 }) } },
      { case: 'request', value: { requestType: { case: 'partialHistory', value: { item: items({ part: 1 }), step: { num: 9n } } } } },
      { case: 'request', value: { requestType: { case: 'partialHistory', value: { item: items({ other: 2, _timestamp: 102 }), step: { num: 9n } } } } },
      { case: 'request', value: { requestType: { case: 'partialHistory', value: { item: items({ part: 3 }), step: { num: 10n }, action: { flush: true } } } } },
      { case: 'request', value: { requestType: { case: 'partialHistory', value: { item: items({ part: 4 }), step: { num: 11n } } } } },
      { case: 'exit', value: { exitCode: 0 } },
    );
    const { records: told } = await drain(new WandbTail(folder, { put }), true);
    expect(paramsOf(told)).toEqual({ lr: '0.1', 'model.kind': 'x' });
    expect(Object.fromEntries(seriesOf(told))).toEqual({
      loss: [[7, 100_500, 1]],
      'nested.a': [[7, 100_500, 2]],
      odd: [[7, 100_500, Number.NaN]],
      'deep.a': [[8, 101_000, Number.NaN]],
      part: [[9, 102_000, 1], [10, 102_000, 3], [11, 102_000, 4]],
      other: [[9, 102_000, 2]],
    });
  });

  test('names like those of objects in JavaScript are names like any other', async () => {
    await write({ case: 'history', value: { item: [...items({ constructor: 1, toString: 2 }), { nestedKey: ['__proto__', 'polluted'], valueJson: '3' }], step: { num: 0n } } });
    const { records: told } = await drain(new WandbTail(folder, { put }), true);
    expect([...seriesOf(told).keys()].toSorted()).toEqual(['__proto__.polluted', 'constructor', 'toString']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('a file that the log names and that is not there yet is kept once it is, also by a later tail', async () => {
    await write({ case: 'files', value: { files: [{ path: 'media/late.png' }, { path: 'model.bin' }] } });
    const first = await drain(new WandbTail(folder, { put }));
    expect(filesOf(first.records)).toEqual({});
    await mkdir(join(folder, 'offline-run-1', 'files', 'media'));
    await writeFile(join(folder, 'offline-run-1', 'files', 'media', 'late.png'), 'x');
    await writeFile(join(folder, 'offline-run-1', 'files', 'model.bin'), 'x');
    await appendFile(join(folder, 'offline-run-1', 'run-1.wandb'), logOf([toBinary(RecordSchema, create(RecordSchema, { recordType: { case: 'exit', value: { exitCode: 0 } } }))]).subarray(7));
    const later = new WandbTail(folder, { put, position: first.position });
    expect(Object.keys(filesOf((await drain(later)).records))).toEqual(['media/late.png']);
    expect(Object.keys(filesOf((await drain(later, true)).records))).toEqual(['model.bin', 'wandb/run-1.wandb']);
  });

  test('somebody else\'s folder reads nothing from outside of itself', async () => {
    const secret = join(folder, 'secret');
    await writeFile(secret, 'mine');
    await symlink(secret, join(folder, 'offline-run-1', 'files', 'link'));
    await write(
      { case: 'files', value: { files: [{ path: 'media/../../../secret' }] } },
      { case: 'artifact', value: { name: 'a', type: 'model', manifest: { contents: [{ path: 'stolen', localPath: secret, digest: 'AAAAAAAAAAAAAAAAAAAAAA==' }] } } },
    );
    const { records: told } = await drain(new WandbTail(folder, { put, imported: true }), true);
    expect(Object.keys(filesOf(told))).toEqual(['wandb/run-1.wandb']);
    expect(messagesOf(told)).toEqual(expect.arrayContaining([expect.stringContaining('leads out of its folder'), expect.stringContaining('not what it was when it was logged')]));
  });

  test('a summary that differs from what was logged is a tag; what only it has is a point', async () => {
    await write(
      { case: 'history', value: { item: items({ loss: 1, _timestamp: 5 }), step: { num: 3n } } },
      { case: 'summary', value: { update: [...items({ loss: 0.5, best: 9, gone: 1, picture: { _type: 'image-file' } }), { nestedKey: ['acc', 'max'], valueJson: '0.75' }] } },
      { case: 'summary', value: { remove: [{ key: 'gone' }] } },
    );
    const { records: told } = await drain(new WandbTail(folder, { put }), true);
    expect(Object.fromEntries(seriesOf(told))).toEqual({ loss: [[3, 5000, 1]], best: [[3, 5000, 9]], 'acc.max': [[3, 5000, 0.75]] });
    expect(tagsOf(told)).toEqual({ 'summary.loss': '0.5' });
  });
});
