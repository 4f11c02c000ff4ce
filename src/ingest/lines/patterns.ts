/** Metrics in lines of output, by a person's own regular expressions. */
import { createContext, Script } from 'node:vm';
import { numberOf, type LinePoint } from './json-points';

export interface MetricPattern {
  readonly pattern: string;
  /** Name of the metric where the pattern has no group of that name. */
  readonly key?: string | undefined;
}

/** Characters of a line that are looked at. */
const LONGEST_LINE = 4096;
/** A pattern that backtracks without end must not hold up the host: so long for all lines of a batch, then so long for each. */
const BATCH_LIMIT_MS = 200;
const LINE_LIMIT_MS = 20;
/** Lines that a pattern may take too long for before it is given up. */
const SLOW_LINES = 3;

/** Colours and movements of the cursor. */
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]/gu;

type Groups = Readonly<Partial<Record<'value' | 'key' | 'step', string>>>;

const MATCH = new Script('JSON.stringify(lines.map((line) => Array.from(line.matchAll(new RegExp(pattern, "gu")), ({ groups }) => groups)))');

/** All matches of a pattern in each line; null when it takes too long. V8 lets go of a regular expression when its time is over. */
function matchesIn(pattern: string, lines: readonly string[], limitMs: number): Groups[][] | null {
  try {
    return JSON.parse(MATCH.runInContext(createContext({ pattern, lines }), { timeout: limitMs }) as string) as Groups[][];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return null;
    throw error;
  }
}

/** One pattern, with what is known of its speed. */
class Matcher {
  slowLines = 0;

  constructor(private readonly of: MetricPattern) {}

  get givenUp(): boolean {
    return this.slowLines >= SLOW_LINES;
  }

  pointsIn(lines: readonly string[]): LinePoint[][] {
    if (this.givenUp) return lines.map(() => []);
    const groups = matchesIn(this.of.pattern, lines, BATCH_LIMIT_MS) ?? lines.map((line) => this.oneByOne(line));
    return groups.map((found) => found.flatMap((match) => this.pointOf(match)));
  }

  private oneByOne(line: string): Groups[] {
    if (this.givenUp) return [];
    const found = matchesIn(this.of.pattern, [line], LINE_LIMIT_MS);
    if (found === null) this.slowLines += 1;
    return found?.[0] ?? [];
  }

  private pointOf({ value, key = this.of.key, step }: Groups): LinePoint[] {
    const number = value === undefined || value.trim() === '' ? null : (numberOf(value.trim()) ?? Number(value));
    const isNumber = number !== null && (!Number.isNaN(number) || numberOf(value?.trim()) !== null);
    const count = step === undefined ? Number.NaN : Math.trunc(Number(step));
    return !isNumber || key === undefined || key === '' ? [] : [{ key, value: number, step: Number.isSafeInteger(count) ? count : null, time: null }];
  }
}

export class Patterns {
  private readonly matchers: readonly Matcher[];
  private readonly told = new Set<Matcher>();

  constructor(private readonly patterns: readonly MetricPattern[]) {
    this.matchers = patterns.map((pattern) => new Matcher(pattern));
  }

  /** The points of each line, in the order of the patterns. */
  pointsIn(lines: readonly string[]): LinePoint[][] {
    const all: LinePoint[][] = lines.map(() => []);
    if (this.matchers.length === 0 || lines.length === 0) return all;
    const texts = lines.map((line) => line.slice(0, LONGEST_LINE).replaceAll(ESCAPES, ''));
    for (const matcher of this.matchers) for (const [index, points] of matcher.pointsIn(texts).entries()) all[index]?.push(...points);
    return all;
  }

  /** Patterns that were given up since this was last asked, a sentence each. */
  complaints(): string[] {
    return this.matchers.flatMap((matcher, index) => {
      if (!matcher.givenUp || this.told.has(matcher)) return [];
      this.told.add(matcher);
      return [`The pattern ${JSON.stringify(this.patterns[index]?.pattern)} takes too long on lines of this output and is not looked for any more. Patterns like (a+)+ backtrack without end; write a simpler one.`];
    });
  }
}
