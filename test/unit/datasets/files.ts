/** A folder for files that tests of readers write, and the data prepared from them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dataSchema } from '../../../src/config/data';
import type { DataConfig } from '../../../src/config/schema';
import { loadPrepared, type PreparedData } from '../../../src/datasets/prepared';
import { prepareData } from '../../../src/datasets/prepare';
import { RepriseError } from '../../../src/errors/errors';

export type Spec = { readonly kind: DataConfig['kind'] } & Readonly<Record<string, unknown>>;
export type Prepared = Awaited<ReturnType<typeof prepareData>>;

export class DataFolder {
  readonly path = mkdtempSync(path.join(tmpdir(), 'reprise-data-'));
  readonly workspace = path.join(this.path, 'workspace');

  write(name: string, content: string | Uint8Array): string {
    const file = path.join(this.path, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  prepare(spec: Spec, splitSeed = 0): Promise<Prepared> {
    return prepareData(dataSchema.parse(spec), { configFolder: this.path, workspace: this.workspace, splitSeed });
  }

  async read(spec: Spec, splitSeed = 0): Promise<PreparedData> {
    const { ref } = await this.prepare(spec, splitSeed);
    return loadPrepared(path.join(this.workspace, ref.file));
  }

  /** The error that preparing ends with. */
  async refusal(spec: Spec): Promise<RepriseError> {
    try {
      await this.prepare(spec);
    } catch (error) {
      if (error instanceof RepriseError) return error;
      throw error;
    }
    throw new Error('nothing was refused');
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A .npy file as numpy.save writes it. */
export function npyBytes(descr: string, shape: readonly number[], values: Uint8Array, header?: string): Uint8Array {
  const dictionary = header ?? `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const padding = 64 - ((10 + dictionary.length + 1) % 64);
  const text = `${dictionary}${' '.repeat(padding % 64)}\n`;
  const bytes = new Uint8Array(10 + text.length + values.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, text.length, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes.set(values, 10 + text.length);
  return bytes;
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array => new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** An IDX file; values as they lie in it. */
export function idxBytes(code: number, shape: readonly number[], values: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  bytes.set([0, 0, code, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((size, axis) => view.setUint32(4 + 4 * axis, size));
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}
