/** What the values of TensorBoard's events say, as records of a run. */
import { toLogged } from '../../events/records';
import { decode } from '../tail/decode';
import { addQuantiles, type Buckets } from '../tail/histogram';
import { filePath, stepName } from '../tail/file-path';
import type { RecordCollector } from '../tail/collector';
import type { PutObject } from '../tail/types';
import { DataType, HparamsPluginDataSchema, SessionEnd_Status, type Event, type Histogram, type SessionStart, type Summary_Value, type Tensor } from './proto/events_pb';
import { numbersOf, shapeOf } from './tensor';

/** What one folder's earlier events said that later ones rely on. */
export class FolderState {
  /** Only the first value of a tag needs to name its plugin. */
  readonly plugins = new Map<string, string>();

  /** @param prefix stands before the tags, '' or with a `/` at its end */
  constructor(readonly prefix: string) {}
}

/** What the events of a run said so far. */
export class RunState {
  readonly folders = new Map<string, FolderState>();
  readonly params = new Map<string, string>();
  /** Times in milliseconds since 1970. */
  firstTime: number | null = null;
  lastTime: number | null = null;
  status: 'finished' | 'failed' | null = null;
  private readonly noted = new Set<string>();
  private readonly paths = new Set<string>();

  /** Whether this is the first time that something is said. */
  isNew(note: string): boolean {
    if (this.noted.has(note)) return false;
    this.noted.add(note);
    return true;
  }

  /** A path that no other file of the run has: two values of one tag and step are two files. */
  ownPath(stem: string, ending: string): string {
    let path = `${stem}${ending}`;
    for (let number = 2; this.paths.has(path); number++) path = `${stem}-${number}${ending}`;
    this.paths.add(path);
    return path;
  }
}

/** Where what is said goes. */
export interface Sink {
  readonly collector: RecordCollector;
  readonly put: PutObject;
  /** Lines of a histogram file that is written when the batch ends, by path. */
  readonly histograms: Map<string, string[]>;
}

interface Place {
  readonly run: RunState;
  readonly folder: FolderState;
  readonly sink: Sink;
  readonly key: string;
  readonly step: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Takes in one event of a folder. */
export async function takeEvent(event: Event, run: RunState, folder: FolderState, sink: Sink): Promise<void> {
  const time = event.wallTime * 1000;
  if (Number.isFinite(time) && time > 0) {
    run.firstTime = Math.min(run.firstTime ?? time, time);
    run.lastTime = Math.max(run.lastTime ?? time, time);
  }
  switch (event.what.case) {
    case 'summary':
      for (const value of event.what.value.value) {
        await takeValue(value, { run, folder, sink, key: `${folder.prefix}${value.tag}`, step: Number(event.step), time });
      }
      return;
    case 'graphDef':
      leaveOut('graph', run, sink);
      return;
    case 'fileVersion':
    case undefined:
  }
}

function leaveOut(what: string, run: RunState, sink: Sink): void {
  if (run.isNew(what)) sink.collector.note('info', `TensorBoard's data of the kind "${what}" are not taken in; they stay in its event files.`);
}

async function takeValue(value: Summary_Value, place: Place): Promise<void> {
  const { folder, sink, key, step, time } = place;
  const named = value.metadata?.pluginData?.pluginName;
  if (named !== undefined && named !== '') folder.plugins.set(value.tag, named);
  const plugin = folder.plugins.get(value.tag) ?? '';
  if (plugin === 'hparams') {
    takeHparams(value.metadata?.pluginData?.content ?? new Uint8Array(), place);
    return;
  }
  switch (value.value.case) {
    case 'simpleValue':
      sink.collector.point(key, step, time, value.value.value);
      return;
    case 'image':
      await takeFile('images', imageEnding(value.value.value.encodedImageString), value.value.value.encodedImageString, place);
      return;
    case 'audio':
      await takeFile('audio', audioEnding(value.value.value.encodedAudioString, value.value.value.contentType), value.value.value.encodedAudioString, place);
      return;
    case 'histo':
      takeHistogram(value.value.value, place);
      return;
    case 'tensor':
      await takeTensor(value.value.value, plugin, place);
      return;
    case undefined:
  }
}

async function takeTensor(tensor: Tensor, plugin: string, place: Place): Promise<void> {
  const { sink, key, step, time } = place;
  switch (plugin) {
    case 'scalars':
    case '': {
      const [number, ...more] = numbersOf(tensor) ?? [];
      if (number !== undefined && more.length === 0) sink.collector.point(key, step, time, number);
      else leaveOut('tensor', place.run, sink);
      return;
    }
    // Width and height as text, then the pictures.
    case 'images':
      for (const picture of tensor.stringVal.slice(2)) await takeFile('images', imageEnding(picture), picture, place);
      return;
    case 'audio': {
      // Each clip stands beside its label where the tensor has two columns.
      const columns = shapeOf(tensor)[1] ?? 1;
      for (const [index, clip] of tensor.stringVal.entries()) if (index % columns === 0) await takeFile('audio', audioEnding(clip, ''), clip, place);
      return;
    }
    case 'histograms':
      takeBuckets(tensor, place);
      return;
    case 'text':
      if (tensor.dtype === DataType.DT_STRING) await takeText(tensor, place);
      return;
    default:
      leaveOut(plugin, place.run, sink);
  }
}

async function takeFile(kind: string, ending: string, bytes: Uint8Array, { run, sink, key, step }: Place): Promise<void> {
  const path = run.ownPath(filePath(kind, key, stepName(step)), ending);
  const stored = await sink.put(bytes);
  sink.collector.add({ type: 'file', path, sha256: stored.sha256, bytes: stored.bytes });
}

/** A tensor of texts: one, or a table of one or two dimensions, which becomes a table in Markdown. */
async function takeText(tensor: Tensor, place: Place): Promise<void> {
  const texts = tensor.stringVal.map((bytes) => new TextDecoder().decode(bytes));
  const columns = shapeOf(tensor)[1];
  let text = texts.join('\n\n');
  if (columns !== undefined && columns > 0) {
    const rows = Array.from({ length: Math.ceil(texts.length / columns) }, (_, row) => texts.slice(row * columns, (row + 1) * columns));
    const lines = rows.map((row) => `| ${row.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`);
    lines.splice(1, 0, `|${' --- |'.repeat(columns)}`);
    text = lines.join('\n');
  }
  await takeFile('text', '.md', new TextEncoder().encode(text), place);
}

/** The buckets' own limits, but for the outermost ones that reach beyond what was counted. */
function bucketsOf({ bucketLimit, bucket, min, max }: Histogram): Buckets {
  const left = bucketLimit.map((_, index) => Math.max(min, index === 0 ? min : (bucketLimit[index - 1] as number)));
  const right = bucketLimit.map((limit) => Math.min(max, limit));
  return { left, right, counts: bucket };
}

function takeHistogram(histogram: Histogram, place: Place): void {
  const { min, max, num, sum, sumSquares, bucketLimit, bucket } = histogram;
  keepHistogram({ min: toLogged(min), max: toLogged(max), count: num, sum: toLogged(sum), sumOfSquares: toLogged(sumSquares), limits: bucketLimit.map(toLogged), counts: bucket }, place);
  addQuantiles(place.sink.collector, place.key, place.step, place.time, bucketsOf(histogram));
}

/** A tensor of rows: left limit, right limit, count. */
function takeBuckets(tensor: Tensor, place: Place): void {
  const numbers = numbersOf(tensor) ?? [];
  const column = (offset: number): number[] => numbers.filter((_, index) => index % 3 === offset);
  const buckets = { left: column(0), right: column(1), counts: column(2) };
  keepHistogram({ left: buckets.left.map(toLogged), right: buckets.right.map(toLogged), counts: buckets.counts }, place);
  addQuantiles(place.sink.collector, place.key, place.step, place.time, buckets);
}

/** The histograms of one tag in one batch are lines of one file, named by the first of them. */
function keepHistogram(histogram: object, { sink, key, step, time }: Place): void {
  const line = JSON.stringify({ step, time: Math.round(time), ...histogram });
  const lines = sink.histograms.get(key);
  if (lines === undefined) sink.histograms.set(key, [line]);
  else lines.push(line);
}

/** Writes the histograms of a batch. The time keeps the file of a step that comes again apart. */
export async function keepHistograms({ histograms, put, collector }: Sink): Promise<void> {
  for (const [key, lines] of histograms) {
    const { step, time } = JSON.parse(lines[0] as string) as { step: number; time: number };
    const stored = await put(new TextEncoder().encode(`${lines.join('\n')}\n`));
    collector.add({ type: 'file', path: filePath('histograms', key, `${stepName(step)}-${time}.jsonl`), sha256: stored.sha256, bytes: stored.bytes });
  }
}

function takeHparams(content: Uint8Array, { run, folder, sink }: Place): void {
  const data = decode(HparamsPluginDataSchema, content)?.data;
  switch (data?.case) {
    case 'sessionStartInfo':
      takeSession(data.value, run, folder, sink);
      return;
    case 'sessionEndInfo':
      if (data.value.status === SessionEnd_Status.SUCCESS) run.status = 'finished';
      if (data.value.status === SessionEnd_Status.FAILURE) run.status = 'failed';
      return;
    case undefined:
  }
}

function takeSession(session: SessionStart, run: RunState, folder: FolderState, { collector }: Sink): void {
  for (const [name, { kind }] of Object.entries(session.hparams)) {
    if (kind.case !== 'numberValue' && kind.case !== 'stringValue' && kind.case !== 'boolValue') continue;
    const value = String(kind.value);
    // A name never changes its value: what a further session says differently goes by the name of its folder.
    const known = run.params.get(name);
    const own = known === undefined || known === value ? name : `${folder.prefix}${name}`;
    if (run.params.has(own) && run.params.get(own) !== value) {
      collector.note('warning', `The hyperparameter ${JSON.stringify(own)} is ${JSON.stringify(run.params.get(own))} and ${JSON.stringify(value)} in two sessions of this run; the first is kept.`);
      continue;
    }
    run.params.set(own, value);
    collector.param(own, value);
  }
  if (session.groupName !== '') collector.tag('tensorboard.group', session.groupName);
  if (session.modelUri !== '') collector.tag('tensorboard.model', session.modelUri);
}

const startsWith = (bytes: Uint8Array, start: readonly number[]): boolean => start.every((byte, index) => bytes[index] === byte);

function imageEnding(bytes: Uint8Array): string {
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47])) return '.png';
  if (startsWith(bytes, [0xff, 0xd8])) return '.jpg';
  if (startsWith(bytes, [0x47, 0x49, 0x46])) return '.gif';
  return startsWith(bytes, [0x52, 0x49, 0x46, 0x46]) ? '.webp' : '.image';
}

function audioEnding(bytes: Uint8Array, contentType: string): string {
  if (startsWith(bytes, [0x52, 0x49, 0x46, 0x46])) return '.wav';
  return contentType === 'audio/mpeg' || contentType === 'audio/mp3' ? '.mp3' : '.audio';
}
