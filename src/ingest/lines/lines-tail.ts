/** Follows a file of lines while it is written. */
import { z } from 'zod';
import { readAppended } from '../tail/appended';
import { RecordCollector } from '../tail/collector';
import { readPosition } from '../tail/position';
import type { Tail, TailBatch } from '../tail/types';
import { StepCounter } from './step-counter';

const positionSchema = z.strictObject({ offset: z.int().min(0), next: z.record(z.string(), z.number()) });
type Position = z.infer<typeof positionSchema>;

/** A line that is longer is passed over. */
const LONGEST_LINE = 4 << 20;

interface Lines {
  readonly lines: readonly string[];
  /** Bytes of them. */
  readonly used: number;
}

/** Whole lines; at the end of the program also the last one that has no end. */
function linesOf(bytes: Uint8Array, final: boolean): Lines {
  const end = bytes.lastIndexOf(0x0a);
  const used = final || (end < 0 && bytes.length > LONGEST_LINE) ? bytes.length : end + 1;
  const text = new TextDecoder().decode(bytes.subarray(0, used));
  return { lines: text.split('\n').filter((line) => line.trim() !== ''), used };
}

/** What lines become, by whoever knows their format. */
export type TakeLines = (lines: readonly string[], steps: StepCounter, into: RecordCollector) => void;

export class LinesTail implements Tail {
  private offset: number;
  private steps: StepCounter;

  /** @param position where an earlier tail of this file had got to; @throws RepriseError POSITION_INVALID */
  constructor(
    private readonly file: string,
    private readonly take: TakeLines,
    position?: string,
  ) {
    const start: Position = readPosition(positionSchema, position, { offset: 0, next: {} });
    this.offset = start.offset;
    this.steps = new StepCounter(start.next);
  }

  async poll(final = false): Promise<TailBatch> {
    const into = new RecordCollector();
    const read = await readAppended(this.file, this.offset, (bytes) => linesOf(bytes, false));
    let { value, offset } = read;
    if (final && !read.more) {
      // What has no end will get none.
      const rest = await readAppended(this.file, offset, (bytes) => linesOf(bytes, true));
      value = { lines: [...(value?.lines ?? []), ...(rest.value?.lines ?? [])], used: 0 };
      ({ offset } = rest);
    }
    if (read.shrunk) {
      into.note('warning', `The file ${this.file} became shorter than it was; it is read from its beginning.`);
      offset = 0;
    }
    if (value !== null) this.take(value.lines, this.steps, into);
    this.offset = offset;
    return { records: into.take(), position: JSON.stringify({ offset: this.offset, next: this.steps.state() } satisfies Position), more: read.more || read.shrunk };
  }
}
