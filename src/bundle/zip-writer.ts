/** Writes a zip whose bytes depend on nothing but names and contents. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { RepriseError } from '../errors/errors';
import type { PayloadEntry } from './payload';

/** yazl writes local time: a local midnight comes out the same in every time zone. */
function fixedTime(): Date {
  return new Date(1990, 0, 1);
}

/** Passes an entry on, and fails when its bytes are not those that were hashed. */
function checked(entry: PayloadEntry, onBytes: (count: number) => void): Readable {
  const sha512 = createHash('sha512');
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sha512.update(chunk);
      onBytes(chunk.length);
      done(null, chunk);
    },
    flush(done) {
      const same = sha512.digest('hex') === entry.sha512;
      done(same ? null : new RepriseError('BUNDLE_SOURCE_CHANGED', `${entry.path} changed while the bundle was being written.`, { kind: 'system', hint: 'Wait until nothing writes to the workspace and export again.' }));
    },
  });
  const source = 'file' in entry.source ? createReadStream(entry.source.file, { highWaterMark: 1 << 18 }) : Readable.from([Buffer.from(entry.source.bytes)], { objectMode: false });
  source.on('error', (error: Error) => check.destroy(error));
  return source.pipe(check);
}

/**
 * Writes the entries, in the order given, to a new file.
 * @throws RepriseError BUNDLE_SOURCE_CHANGED; NodeJS errors of the file system; an AbortError where the signal fires
 */
export async function writeZip(file: string, entries: readonly PayloadEntry[], onBytes: (count: number) => void, signal?: AbortSignal): Promise<void> {
  const zip = new ZipFile();
  const failed = new Promise<never>((_resolve, reject) => zip.on('error', reject));
  for (const entry of entries) {
    zip.addReadStreamLazy(entry.path, { mtime: fixedTime(), forceDosTimestamp: true, mode: 0o100644, size: entry.bytes }, (deliver) => {
      const stream = checked(entry, onBytes);
      stream.on('error', (error: Error) => zip.emit('error', error));
      deliver(null, stream);
    });
  }
  zip.end();
  const output = createWriteStream(file, { flags: 'wx', mode: 0o644, flush: true });
  try {
    await Promise.race([pipeline(zip.outputStream, output, signal === undefined ? {} : { signal }), failed]);
  } catch (error) {
    output.destroy();
    throw error;
  }
}
