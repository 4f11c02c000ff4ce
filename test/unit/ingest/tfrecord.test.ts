import { create, toBinary } from '@bufbuild/protobuf';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { crc32c, maskedCrc32c } from '../../../src/ingest/tensorboard/crc32c';
import { EventSchema } from '../../../src/ingest/tensorboard/proto/events_pb';
import { baseOf, groupRuns, prefixOf } from '../../../src/ingest/tensorboard/run-folders';
import { TensorBoardTail } from '../../../src/ingest/tensorboard/tail';
import { readFrames } from '../../../src/ingest/tensorboard/tfrecord';
import { drain, messagesOf, seriesOf } from '../../helpers/trackers';

function frame(data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length + 4);
  bytes.writeBigUInt64LE(BigInt(data.length), 0);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return bytes;
}

const scalar = (tag: string, step: number, value: number): Buffer =>
  frame(toBinary(EventSchema, create(EventSchema, { wallTime: 1e9 + step, step: BigInt(step), what: { case: 'summary', value: { value: [{ tag, value: { case: 'simpleValue', value } }] } } })));

test('CRC-32C has the values of RFC 3720, appendix B.4', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
});

describe('frames', () => {
  const whole = Buffer.concat([frame(Buffer.from('one')), frame(Buffer.from('')), frame(Buffer.from('three'))]);

  test('every prefix gives the frames that are whole in it', () => {
    const ends = [0, 19, 35, 56];
    for (let length = 0; length <= whole.length; length++) {
      const { records, used, damaged, lost } = readFrames(whole.subarray(0, length));
      const count = ends.filter((end) => end > 0 && end <= length).length;
      expect([records.length, used, damaged, lost]).toEqual([count, ends[count], [], false]);
    }
  });

  test.each(Array.from({ length: 56 }, (_, at) => at))('a changed byte %i never gives changed data', (at) => {
    const changed = Buffer.from(whole);
    changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
    const { records, damaged, lost } = readFrames(changed);
    const given = records.map((record) => Buffer.from(record).toString());
    expect(given.every((text) => ['one', '', 'three'].includes(text))).toBe(true);
    expect(records.length + damaged.length + (lost ? 1 : 0)).toBeLessThanOrEqual(3);
    expect(records.length).toBeLessThan(3);
    expect(damaged.length > 0 || lost).toBe(true);
  });
});

test('a record that claims to be longer than any is not waited for', () => {
  const header = Buffer.alloc(12);
  header.writeBigUInt64LE(2n ** 60n, 0);
  header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
  expect(readFrames(Buffer.concat([frame(Buffer.from('one')), header]))).toMatchObject({ used: 19, lost: true });
});

describe('a folder that is written to', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reprise-tfrecord-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const put = async () => Promise.resolve({ sha256: '0'.repeat(64), bytes: 0 });
  const file = (): string => join(folder, 'events.out.tfevents.1.host');
  const values = async (tail: TensorBoardTail): Promise<number[]> => (seriesOf((await drain(tail)).records).get('loss') ?? []).map(([, , value]) => value);

  test('half a record waits for its other half', async () => {
    const tail = new TensorBoardTail(folder, { put });
    expect(await values(tail)).toEqual([]);
    const second = scalar('loss', 1, 2);
    await writeFile(file(), Buffer.concat([scalar('loss', 0, 1), second.subarray(0, 20)]));
    expect(await values(tail)).toEqual([1]);
    expect(await values(tail)).toEqual([]);
    await appendFile(file(), second.subarray(20));
    expect(await values(tail)).toEqual([2]);
  });

  test('a damaged record is named, and reading goes on behind it; behind a damaged length nothing is read', async () => {
    const bad = scalar('loss', 1, 2);
    bad.writeUInt8(0xff, 20);
    const lost = scalar('loss', 3, 4);
    lost.writeUInt8(0xff, 1);
    await writeFile(file(), Buffer.concat([scalar('loss', 0, 1), bad, scalar('loss', 2, 3), lost, scalar('loss', 4, 5)]));
    const { records, position } = await drain(new TensorBoardTail(folder, { put }));
    expect(seriesOf(records).get('loss')?.map(([, , value]) => value)).toEqual([1, 3]);
    expect(messagesOf(records)).toEqual([expect.stringContaining(`byte ${scalar('loss', 0, 1).length} does not match`), expect.stringContaining('What stands behind it is lost')]);
    await appendFile(file(), scalar('loss', 5, 6));
    expect((await drain(new TensorBoardTail(folder, { put, position }))).records).toEqual([]);
  });

  test('a file that became shorter is not read again', async () => {
    await writeFile(file(), Buffer.concat([scalar('loss', 0, 1), scalar('loss', 1, 2)]));
    const tail = new TensorBoardTail(folder, { put });
    expect(await values(tail)).toEqual([1, 2]);
    await truncate(file(), 10);
    expect(messagesOf((await drain(tail)).records)).toEqual([expect.stringContaining('became shorter')]);
    await writeFile(file(), Buffer.concat([scalar('loss', 0, 1), scalar('loss', 1, 2), scalar('loss', 2, 3)]));
    expect((await drain(tail)).records).toEqual([]);
  });

  test('where a file cannot be kept the next call tells everything', async () => {
    const picture = frame(toBinary(EventSchema, create(EventSchema, { wallTime: 1, step: 1n, what: { case: 'summary', value: { value: [{ tag: 'p', value: { case: 'image', value: { encodedImageString: new Uint8Array([1]) } } }] } } })));
    await writeFile(file(), Buffer.concat([scalar('loss', 0, 1), picture]));
    let full = true;
    const tail = new TensorBoardTail(folder, { put: async () => (full ? Promise.reject(new Error('disk full')) : put()) });
    await expect(tail.poll()).rejects.toThrow('disk full');
    full = false;
    const { records } = await tail.poll();
    expect(records.map(({ type }) => type).toSorted()).toEqual(['file', 'points']);
    expect(await readFile(file())).toHaveLength(scalar('loss', 0, 1).length + picture.length);
  });

  test('what is no event is named and left out, and so is a step that no log can hold', async () => {
    await writeFile(file(), Buffer.concat([frame(Buffer.from([0xff, 0xff, 0xff])), scalar('loss', 0, 1), scalar('loss', 2 ** 60, 2)]));
    const { records } = await drain(new TensorBoardTail(folder, { put }));
    expect(seriesOf(records).get('loss')).toHaveLength(1);
    expect(messagesOf(records)).toEqual([expect.stringContaining('a step is a whole number'), expect.stringContaining('no event of TensorBoard')]);
  });

  test('a position that is not ours is refused', () => {
    expect(() => new TensorBoardTail(folder, { put, position: '{"files":3}' })).toThrow(expect.objectContaining({ code: 'POSITION_INVALID' }));
  });
});

describe('folders', () => {
  test('the shallowest is the base, or what is around the splits of a run', () => {
    expect(baseOf(['runs/a', 'runs/a/b'])).toBe('runs/a');
    expect(baseOf(['logs/validation', 'logs/train'])).toBe('logs');
    expect(baseOf([''])).toBe('');
  });

  test('series of other folders are named by where those lie', () => {
    expect(prefixOf('runs/a', 'runs/a')).toBe('');
    expect(prefixOf('runs/a', 'runs/a/both_x')).toBe('both_x/');
    expect(prefixOf('runs/a', 'runs/b')).toBe('b/');
    expect(prefixOf('runs/a', 'runs/a/1795415221.7422917')).toBe('');
    expect(prefixOf('logs', 'logs/train')).toBe('train/');
    expect(prefixOf('runs/a', 'runs')).toBe('runs/');
  });

  test('a run is a folder, with those that its own writer made inside', () => {
    const files = ['a/events.out.tfevents.5.host.17.0', 'a/x_1/events.out.tfevents.6.host.17.1', 'a/other/events.out.tfevents.6.host.18.0', 'logs/train/events.out.tfevents.1.host.9.5.v2', 'logs/validation/events.out.tfevents.1.host.9.6.v2'];
    expect([...groupRuns(files)]).toEqual([['a', ['a', 'a/x_1']], ['a/other', ['a/other']], ['logs/train', ['logs/train']], ['logs/validation', ['logs/validation']]]);
  });
});
