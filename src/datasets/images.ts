/** A folder with a folder of pictures for each class. */
import { readFile } from 'node:fs/promises';
import type { DataConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import type { FoundFile } from '../files/files-below';
import { decodeImage, PictureProblem, type Picture } from './decode-image';
import type { DataSource } from './prepared';
import { resample } from './resample';

type ImagesConfig = Extract<DataConfig, { kind: 'images' }>;

/** The files of a folder, as the config names it. */
export interface ImageFolder {
  readonly name: string;
  readonly files: readonly Pick<FoundFile, 'name' | 'file'>[];
}

export interface ImageParts {
  readonly train: ImageFolder;
  readonly validation: ImageFolder | null;
  readonly test: ImageFolder | null;
}

interface Example {
  readonly label: string;
  readonly file: string;
  /** As messages name it. */
  readonly name: string;
}

function fail(code: string, message: string, hint: string): RepriseError {
  return new RepriseError(`IMAGES_${code}`, message, { hint });
}

/** What systems leave in folders, and what stands beside data. */
const isNoData = (name: string): boolean => /(?:^|\/)(?:\.[^/]*|Thumbs\.db|desktop\.ini|LICEN[CS]E(?:\.\w+)?|README(?:\.\w+)?|datapackage\.json)$|(?:^|\/)(?:\.[^/]*|__MACOSX)\//iu.test(name);

/** @throws RepriseError IMAGES_UNEXPECTED_FILE, IMAGES_NO_FILES */
function examplesOf({ name, files }: ImageFolder): Example[] {
  const examples: Example[] = [];
  for (const { name: inside, file } of files) {
    if (isNoData(inside)) continue;
    const [label = '', ...rest] = inside.split('/');
    if (rest.length === 0) throw fail('UNEXPECTED_FILE', `${name}/${inside} lies in no folder of a class.`, 'Each class has a folder of its own in the folder that data.path names.');
    if (!/\.(?:png|jpe?g)$/iu.test(inside)) throw fail('UNEXPECTED_FILE', `${name}/${inside} is called neither .png nor .jpg.`, 'Nothing is skipped: take the file out, or convert it.');
    examples.push({ label, file, name: `${name}/${inside}` });
  }
  if (examples.length === 0) throw fail('NO_FILES', `The folder ${name} has no PNG or JPEG files.`, 'Each class has a folder of its own in the folder that data.path names.');
  return examples;
}

/** Grey as Pillow computes it: ITU-R 601-2 luma in 16 bits. */
function greyOf([red, green, blue]: Picture['channels']): Uint8Array {
  return red.map((value, pixel) => (value * 19_595 + green[pixel]! * 38_470 + blue[pixel]! * 7471 + 0x8000) >> 16);
}

async function pixelsOf({ file, name }: Example, { rows, columns, color }: ImagesConfig): Promise<Uint8Array> {
  let picture: Picture;
  try {
    picture = await decodeImage(await readFile(file));
  } catch (error) {
    const what = error instanceof PictureProblem ? error.message : `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new RepriseError('IMAGES_UNREADABLE', `The image ${name} ${what}.`, { hint: 'Repair the file or take it out: nothing is skipped.', cause: error });
  }
  const channels = color === 'grayscale' ? [greyOf(picture.channels)] : picture.channels;
  const pixels = new Uint8Array(channels.length * rows * columns);
  channels.forEach((channel, index) => pixels.set(resample(channel, picture.rows, picture.columns, rows, columns), index * rows * columns));
  return pixels;
}

/**
 * Reads images: classes are the names of the folders, sorted by code unit, and files come sorted by their names. Each is
 * scaled to `rows` × `columns`, whatever its proportions; grey is made before.
 * @throws RepriseError IMAGES_…
 */
export function readImages(parts: ImageParts, config: ImagesConfig): DataSource {
  const [train, validation, test] = [parts.train, parts.validation, parts.test].map((folder) => (folder === null ? null : examplesOf(folder)));
  const all = [...(train ?? []), ...(validation ?? []), ...(test ?? [])];
  const classNames = [...new Set((train ?? []).map(({ label }) => label))].sort();
  if (classNames.length < 2) throw fail('ONE_CLASS', `The folder ${parts.train.name} has one folder of images only, "${classNames[0] ?? ''}".`, 'There must be two classes or more to tell apart.');
  const numbers = new Map(classNames.map((name, index) => [name, BigInt(index)]));
  const strange = all.find(({ label }) => !numbers.has(label));
  if (strange !== undefined) throw fail('UNKNOWN_CLASS', `${strange.name} is of the class "${strange.label}", which the training part ${parts.train.name} does not have.`, 'A model can tell only classes it was trained on.');

  async function* features(): AsyncGenerator<Uint8Array> {
    for (const example of all) yield await pixelsOf(example, config);
  }

  return {
    kind: 'images',
    input: { kind: 'image', channels: config.color === 'grayscale' ? 1 : 3, rows: config.rows, columns: config.columns, type: 'uint8' },
    target: { kind: 'class', classes: classNames.length },
    parts: { train: train?.length ?? 0, validation: validation?.length ?? null, test: test?.length ?? null },
    classNames,
    featureNames: [],
    standardization: null,
    tokenizer: null,
    labels: BigInt64Array.from(all, ({ label }) => numbers.get(label)!),
    features: features(),
  };
}
