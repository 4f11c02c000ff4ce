/** Changes a bundle the way somebody with a zip tool would: unpack, edit, make all hashes of the bag anew, pack. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import yazl from 'yazl';
import { decodeLines, encodeRecord } from '../../src/events/codec';

export type Files = Map<string, Buffer>;

const open = promisify(yauzl.open) as (file: string, options: yauzl.Options) => Promise<ZipFile>;

export async function unpack(file: string): Promise<Files> {
  const zip = await open(file, { lazyEntries: true });
  const files: Files = new Map();
  await new Promise<void>((resolve, reject) => {
    zip.on('entry', (entry: Entry) => {
      zip.openReadStream(entry, (error, stream) => {
        if (error !== null || stream === undefined) {
          reject(error ?? new Error('no stream'));
          return;
        }
        buffer(stream).then((bytes) => {
          if (!entry.fileName.endsWith('/')) files.set(entry.fileName, bytes);
          zip.readEntry();
        }, reject);
      });
    });
    zip.on('end', resolve);
    zip.on('error', reject);
    zip.readEntry();
  });
  return files;
}

export async function pack(files: Files, file: string): Promise<string> {
  const zip = new yazl.ZipFile();
  for (const [name, bytes] of files) zip.addBuffer(bytes, name);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file));
  return file;
}

const sha512 = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex');

/** Recomputes manifest, Payload-Oxum and tag manifest from what the files are now. */
export function remakeHashes(files: Files): void {
  const payload = [...files].filter(([name]) => name.startsWith('data/')).sort(([a], [b]) => (a < b ? -1 : 1));
  files.set('manifest-sha512.txt', Buffer.from(payload.map(([name, bytes]) => `${sha512(bytes)}  ${name}\n`).join('')));
  const bytes = payload.reduce((sum, [, content]) => sum + content.length, 0);
  const info = files.get('bag-info.txt')?.toString('utf8') ?? '';
  files.set('bag-info.txt', Buffer.from(info.replace(/^Payload-Oxum: .*$/mu, `Payload-Oxum: ${bytes}.${payload.length}`)));
  const tags = [...files].filter(([name]) => !name.startsWith('data/') && name !== 'tagmanifest-sha512.txt').sort(([a], [b]) => (a < b ? -1 : 1));
  files.set('tagmanifest-sha512.txt', Buffer.from(tags.map(([name, content]) => `${sha512(content)}  ${name}\n`).join('')));
}

/** An event log with the recorded loss of one step (0-based) changed, its checksums made anew. */
export function alterLoss(log: Uint8Array, step: number, change: (loss: number) => number): Buffer {
  const { records } = decodeLines(log, 0);
  return Buffer.concat(
    records.map((record) => {
      if (record.type !== 'steps' || step < record.firstStep || step >= record.firstStep + record.losses.length) return encodeRecord(record);
      return encodeRecord({ ...record, losses: record.losses.map((loss, index) => (record.firstStep + index === step ? change(Number(loss)) : loss)) });
    }),
  );
}

export async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
