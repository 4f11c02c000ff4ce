import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { encode as encodePng } from 'fast-png';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataSchema } from '../../../src/config/data';
import { augmentOf } from '../../../src/config/facts';
import { augmenter } from '../../../src/datasets/augment';
import { decodeImage } from '../../../src/datasets/decode-image';
import { resample } from '../../../src/datasets/resample';
import { DataFolder, type Spec } from './files';

let folder: DataFolder;
beforeEach(() => {
  folder = new DataFolder();
});
afterEach(() => folder.remove());

const images: Spec = { kind: 'images', path: 'pets', rows: 4, columns: 5 };

function png(value: number, channels = 3, rows = 4, columns = 5): Uint8Array {
  return encodePng({ width: columns, height: rows, channels, depth: 8, data: Uint8Array.from({ length: rows * columns * channels }, (_, index) => (value + index) % 256) });
}

function writePets(count = 12): void {
  for (let index = 0; index < count; index++) {
    folder.write(`pets/cat/${String(index).padStart(2, '0')}.png`, png(index));
    folder.write(`pets/dog/${String(index).padStart(2, '0')}.png`, png(100 + index));
  }
}

describe('image folders', () => {
  it('have a class for each folder, and images channel by channel', async () => {
    writePets();
    folder.write('pets/LICENSE', 'MIT License');
    folder.write('pets/.DS_Store', 'x');
    const { ref, shape } = await folder.prepare(images);
    expect(ref.license).toBe('MIT');
    expect(shape).toEqual({ input: { kind: 'image', channels: 3, rows: 4, columns: 5, type: 'uint8' }, target: { kind: 'class', classes: 2 }, trainSize: 20 });
    const data = await folder.read(images);
    expect(data.classNames).toEqual(['cat', 'dog']);
    expect((data.labels as BigInt64Array).indexOf(1n)).toBe(12);
    // Second cat, green, first pixels.
    expect([...data.features.slice(60 + 20, 60 + 23)]).toEqual([2, 5, 8]);
  });

  it('may be grey, and come in folders for their parts', async () => {
    writePets();
    folder.write('held/dog/1.png', png(7));
    const data = await folder.read({ ...images, color: 'grayscale', testPath: 'held' });
    expect(data.parts).toEqual({ train: 24, validation: null, test: 1 });
    expect(data.input).toMatchObject({ channels: 1 });
    expect(data.features[24 * 20]).toBe((7 * 19_595 + 8 * 38_470 + 9 * 7471 + 0x8000) >> 16);
    folder.write('held/bird/1.png', png(7));
    expect(await folder.refusal({ ...images, testPath: 'held' })).toMatchObject({ code: 'IMAGES_UNKNOWN_CLASS', message: expect.stringContaining('held/bird/1.png') });
  });

  it('count a picture that is in two parts', async () => {
    writePets();
    folder.write('held/dog/1.png', png(100));
    const { ref } = await folder.prepare({ ...images, testPath: 'held' });
    expect(ref.leakage!.trainTest + ref.leakage!.validationTest).toBe(1);
  });

  const jpeg = readFileSync('test/fixtures/images/gradient.jpg');
  const crc = (): Uint8Array => {
    const bytes = png(3).slice();
    bytes[bytes.length - 20]! ^= 0xff;
    return bytes;
  };
  const bomb = (): Uint8Array => {
    const bytes = png(3).slice();
    new DataView(bytes.buffer).setUint32(16, 60_000);
    new DataView(bytes.buffer).setUint32(20, 60_000);
    return bytes;
  };

  it.each<[string, () => Uint8Array, RegExp]>([
    ['an empty file', () => new Uint8Array(0), /neither PNG nor JPEG/u],
    ['another format', () => new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>'), /neither PNG nor JPEG/u],
    ['half a PNG file', () => png(3).slice(0, 60), /cannot be decoded|cut off/u],
    ['a signature only', () => png(3).slice(0, 8), /cut off/u],
    ['a PNG file with a wrong byte', crc, /cannot be decoded/u],
    ['a PNG file that says it is huge', bomb, /60000×60000 pixels/u],
    ['16 bits a channel', () => encodePng({ width: 2, height: 2, channels: 1, depth: 16, data: new Uint16Array(4) }), /16 bits/u],
    ['half a JPEG file', () => jpeg.subarray(0, jpeg.length >> 1), /damaged or cut off/u],
    ['the head of a JPEG file', () => jpeg.subarray(0, 30), /cut off/u],
    ['a JPEG file with wrong bytes', () => Uint8Array.from(jpeg, (byte, index) => (index > jpeg.length - 60 && index < jpeg.length - 40 ? 0xff : byte)), /damaged/u],
  ])('refuse %s', async (_, make, message) => {
    writePets();
    folder.write('pets/dog/99.png', make());
    const error = await folder.refusal(images);
    expect(error).toMatchObject({ code: 'IMAGES_UNREADABLE', kind: 'input' });
    expect(error.message).toMatch(/[^.:]\.$/u);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('pets/dog/99.png');
  });

  it.each<[string, string, () => void]>([
    ['IMAGES_NOT_FOUND', 'no folder', () => undefined],
    ['IMAGES_NOT_A_FOLDER', 'a file', () => void folder.write('pets', 'x')],
    ['IMAGES_NO_FILES', 'no images', () => void folder.write('pets/README.md', 'x')],
    ['IMAGES_ONE_CLASS', 'one class', () => void folder.write('pets/cat/1.png', png(1))],
    ['IMAGES_UNEXPECTED_FILE', 'an image without a class', () => void folder.write('pets/1.png', png(1))],
    ['IMAGES_UNEXPECTED_FILE', 'other files', () => void folder.write('pets/cat/labels.txt', 'x')],
  ])('are refused with %s: %s', async (code, _, make) => {
    make();
    expect(await folder.refusal(images)).toMatchObject({ code, kind: 'input' });
  });
});

describe('decoding', () => {
  it('expands grey, alpha and palettes', async () => {
    expect([...(await decodeImage(png(5, 1))).channels[2].slice(0, 3)]).toEqual([5, 6, 7]);
    expect([...(await decodeImage(png(5, 2))).channels[0].slice(0, 3)]).toEqual([5, 7, 9]);
    expect([...(await decodeImage(png(5, 4))).channels[1].slice(0, 3)]).toEqual([6, 10, 14]);
  });

  it('reads the pixels of few bits', async () => {
    // One bit a pixel, 10 × 2: rows begin at whole bytes.
    const header = Uint8Array.of(0, 0, 0, 10, 0, 0, 0, 2, 1, 0, 0, 0, 0);
    const bytes = pngOf(header, Uint8Array.of(0, 0b1010_0000, 0b0100_0000, 0, 0b0000_0001, 0b1000_0000));
    const { channels } = await decodeImage(bytes);
    expect([...channels[0]]).toEqual([255, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0]);
  });
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0xedb8_8320 : 0);
  }
  return ~crc >>> 0;
}

/** A PNG file of a header and unfiltered rows. */
function pngOf(header: Uint8Array, rows: Uint8Array): Uint8Array {
  const chunk = (name: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(data.length);
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, check]);
  };
  return Buffer.concat([Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', new Uint8Array(0))]);
}

describe('scaling', () => {
  it('leaves an image of the right size, and means where it becomes smaller', () => {
    const pixels = Uint8Array.from({ length: 16 }, (_, index) => index * 10);
    expect(resample(pixels, 4, 4, 4, 4)).toEqual(pixels);
    expect([...resample(new Uint8Array(12).fill(77), 3, 4, 7, 5)]).toEqual(Array(35).fill(77));
    const [only] = resample(pixels, 4, 4, 1, 1);
    expect(only).toBe(75);
  });
});

describe('augmentation', () => {
  const image = { channels: 2, rows: 6, columns: 5 };
  const size = 2 * 6 * 5;
  const make = (count: number): Uint8Array => Uint8Array.from({ length: count * size }, (_, index) => 1 + (index % 250));
  const run = (config: { crop?: number; flip?: boolean; shift?: number }, examples: number[], epoch = 0, seed = 7): Uint8Array => {
    const features = make(examples.length);
    augmenter({ crop: 0, flip: false, shift: 0, ...config }, image, seed)(features, epoch, Int32Array.from(examples));
    return features;
  };

  it('depends on seed, epoch and example only, not on the batch', () => {
    const config = { crop: 2, flip: true, shift: 1 };
    const whole = run(config, [4, 9, 4, 1]);
    expect(run(config, [4, 9, 4, 1])).toEqual(whole);
    const alone = make(2).slice(size);
    augmenter({ crop: 2, flip: true, shift: 1 }, image, 7)(alone, 0, Int32Array.of(9));
    expect(alone).toEqual(whole.slice(size, 2 * size));
    expect(run(config, [4, 9, 4, 1], 1)).not.toEqual(whole);
    expect(run(config, [4, 9, 4, 1], 0, 8)).not.toEqual(whole);
  });

  it('does what it says, evenly', () => {
    const original = make(1);
    const at = (pixels: Uint8Array, channel: number, row: number, column: number): number => pixels[channel * 30 + row * 5 + column]!;
    let flips = 0;
    const seen = new Set<string>();
    for (let example = 0; example < 400; example++) {
      const flipped = run({ flip: true }, [example]);
      const isFlipped = at(flipped, 0, 0, 0) === at(original, 0, 0, 4);
      flips += isFlipped ? 1 : 0;
      if (!isFlipped) expect(flipped).toEqual(original);
      else for (let row = 0; row < 6; row++) for (let column = 0; column < 5; column++) expect(at(flipped, 1, row, column)).toBe(at(original, 1, row, 4 - column));

      const shifted = run({ shift: 1 }, [example]);
      const matches = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [down, right] as const)).filter(([down, right]) => {
        const clamp = (value: number, below: number): number => Math.min(Math.max(value, 0), below - 1);
        for (let row = 0; row < 6; row++) for (let column = 0; column < 5; column++) if (at(shifted, 1, row, column) !== at(original, 1, clamp(row - down, 6), clamp(column - right, 5))) return false;
        return true;
      });
      expect(matches).toHaveLength(1);
      seen.add(String(matches[0]));

      const cropped = run({ crop: 1 }, [example]);
      const zeros = cropped.filter((value) => value === 0).length;
      expect([0, 2 * 5, 2 * 6, 2 * 10]).toContain(zeros);
    }
    expect(flips).toBeGreaterThan(150);
    expect(flips).toBeLessThan(250);
    expect(seen.size).toBe(9);
  });

  it('is part of the config where data can be images, and off unless asked for', () => {
    expect(augmentOf(dataSchema.parse({ kind: 'mnist' }))).toBeNull();
    expect(augmentOf(dataSchema.parse({ kind: 'mnist', augment: { flip: true } }))).toEqual({ crop: 0, flip: true, shift: 0 });
    expect(augmentOf(dataSchema.parse({ kind: 'two-moons' }))).toBeNull();
    expect(dataSchema.safeParse({ kind: 'two-moons', augment: {} }).success).toBe(false);
  });
});
