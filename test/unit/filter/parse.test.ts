import { describe, expect, it } from 'vitest';
import { RepriseError } from '../../../src/errors/errors';
import { DEEPEST_FILTER, LONGEST_FILTER, MOST_CONDITIONS, parseFields, parseFilter, parseOrder } from '../../../src/filter/parse';
import { printFilter, printOrder } from '../../../src/filter/print';
import { caretLines, problemOf } from '../../../src/filter/problems';

const NOW = Date.UTC(2026, 10, 23, 12);

/** The filter as it is written back: what was understood. */
function understood(text: string): string {
  const filter = parseFilter(text, NOW);
  return filter === null ? '' : printFilter(filter);
}

function problem(text: string, parse: (text: string) => unknown = (given) => parseFilter(given, NOW)): { column: number; message: string; hint: string | undefined } {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof RepriseError) {
      const found = problemOf(error);
      if (found !== null) return { ...found, hint: error.hint };
    }
    throw error;
  }
  throw new Error(`It was understood: ${text}`);
}

describe('what people write', () => {
  it.each([
    [
      "metrics.val_loss < 0.1 and params.model.kind in ('lstm','transformer') and tags.paper = 'v2' and status != 'failed'",
      "metrics.val_loss < 0.1 and params.model.kind in ('lstm', 'transformer') and tags.paper = 'v2' and status != 'failed'",
    ],
    ['', ''],
    [' \n ', ''],
    ["name = 'b'", "name = 'b'"],
    ["status = failed or status = 'CANCELED'", "status = 'failed' or status = 'cancelled'"],
    ['status = active', "status in ('queued', 'running', 'interrupted')"],
    ['status <> active', "status not in ('queued', 'running', 'interrupted')"],
    ['kind == training', "kind = 'training'"],
    ['NOT (seed = 3) AND seed IS NOT NULL', 'not (seed = 3) and seed is not null'],
    ['seed = 1 or seed = 2 and seed != 3', 'seed = 1 or (seed = 2 and seed != 3)'],
    ['(seed = 1 or seed = 2) and seed != 3', '(seed = 1 or seed = 2) and seed != 3'],
    ['(seed = 1 and (seed = 2 and seed = 3))', 'seed = 1 and seed = 2 and seed = 3'],
    ['seed = 1 && !(seed = 2) || seed = 3', '(seed = 1 and not (seed = 2)) or seed = 3'],
    ['metrics.train/loss < .5', 'metrics.train/loss < 0.5'],
    ['metrics.cross-entropy<=1e-3', 'metrics.cross-entropy <= 0.001'],
    ['metrics.hits@10 >= -2', 'metrics.hits@10 >= -2'],
    ['metrics.loss = NaN or metrics.loss < inf', 'metrics.loss = nan or metrics.loss < inf'],
    ['min(metrics.`val loss`) < 1', 'min(metrics.`val loss`) < 1'],
    ['params."a ""b" = x', "params.`a \"b` = 'x'"],
    ['params.model."hidden size".first = 8', 'params.`model.hidden size.first` = 8'],
    ["params.lr = 0.1 and params.lr = '0.1' and params.bias = true", "params.lr = 0.1 and params.lr = '0.1' and params.bias = true"],
    ['1e-5 < params.lr < 1e-2', 'params.lr > 0.00001 and params.lr < 0.01'],
    ["'2026-11-01' <= created", "created >= '2026-11-01'"],
    ['metrics.loss between 1 and 2', 'metrics.loss >= 1 and metrics.loss <= 2'],
    ['not metrics.loss not between 1 and 2', 'not (metrics.loss < 1 or metrics.loss > 2)'],
    ["name like 'a%' and name not ilike '%B_'", "name like 'a%' and name not ilike '%B_'"],
    ["name = 'it''s'", "name = 'it''s'"],
    ['duration > 1h30m and duration < 90', 'duration > 5400 and duration < 90'],
    ['created > now - 7d', 'created > now - 7d'],
    ['created > now-7d and created < today', 'created > now-7d and created < today'],
    ['Start_Time = 1', 'started = 1'],
    ['"two moons" and (\'lstm\' or seed = 3)', "'two moons' and ('lstm' or seed = 3)"],
    ['"run name" = x and "experiment" like \'c\'', "name = 'x' and experiment like 'c'"],
  ])('%s', (text, expected) => {
    expect(understood(text)).toBe(expected);
  });

  it('reads times as stretches', () => {
    const span = (text: string): unknown => {
      const filter = parseFilter(`created = ${text}`, NOW);
      return filter?.type === 'compare' && filter.value.type === 'time' ? [filter.value.from, filter.value.to] : filter;
    };
    const local = (...parts: [number, number, number?, number?, number?]): number => new Date(...(parts as [number, number])).getTime();
    expect(span("'2026'")).toStrictEqual([local(2026, 0), local(2027, 0) - 1]);
    expect(span('2026-11')).toStrictEqual([local(2026, 10), local(2026, 11) - 1]);
    expect(span("'2026-11-01T10:20Z'")).toStrictEqual([Date.UTC(2026, 10, 1, 10, 20), Date.UTC(2026, 10, 1, 10, 21) - 1]);
    expect(span("'2026-11-01 10:20:30.5+02:00'")).toStrictEqual([Date.UTC(2026, 10, 1, 8, 20, 30, 500), Date.UTC(2026, 10, 1, 8, 20, 30, 500)]);
    expect(span('1664067852747')).toStrictEqual([1664067852747, 1664067852747]);
    expect(span('now - 1d12h')).toStrictEqual([NOW - 36 * 3_600_000, NOW - 36 * 3_600_000]);
    expect(span("'2026-02-28'")).toStrictEqual([new Date(2026, 1, 28).getTime(), new Date(2026, 2, 1).getTime() - 1]);
  });
});

// The examples of MLflow's documentation ("Search Runs") and the forms its own tests accept.
describe("MLflow's filters", () => {
  it.each([
    ['metrics.loss > 0.8', 'metrics.loss > 0.8'],
    ['metrics.accuracy > 0.72', 'metrics.accuracy > 0.72'],
    ['metrics."accuracy" > 0.72', 'metrics.accuracy > 0.72'],
    ['metrics.`log-scale-loss` <= 0', 'metrics.log-scale-loss <= 0'],
    ['metrics.`f1 score` >= 0.5', 'metrics.`f1 score` >= 0.5'],
    ['metrics.accuracy > 0.72 AND metrics.loss <= 0.15', 'metrics.accuracy > 0.72 and metrics.loss <= 0.15'],
    ['metrics.`cross-entropy-loss` < 0.5', 'metrics.cross-entropy-loss < 0.5'],
    ['params.`1st_iteration_timestamp` = "2022-01-01"', "params.1st_iteration_timestamp = '2022-01-01'"],
    ['params.batch_size = "2"', "params.batch_size = '2'"],
    ['params.model LIKE "GPT%"', "params.model like 'GPT%'"],
    ['params.model ILIKE "gPt%"', "params.model ilike 'gPt%'"],
    ['params.model LIKE "GPT%" AND params.batch_size = "2"', "params.model like 'GPT%' and params.batch_size = '2'"],
    ['params.batch_size != "None"', "params.batch_size != 'None'"],
    ['tags."environment" = "notebook"', "tags.environment = 'notebook'"],
    ['tags.task ILIKE "classif%"', "tags.task ilike 'classif%'"],
    ['tags."mlflow.runName" = "mine"', "name = 'mine'"],
    ["tags.`mlflow.parentRunId` = 'abc'", "tags.mlflow.parentRunId = 'abc'"],
    ['datasets.name LIKE "custom"', "datasets.name like 'custom'"],
    ["datasets.digest IN ('s8ds293b', 'jks834s2')", "datasets.digest in ('s8ds293b', 'jks834s2')"],
    ['datasets.context = "train"', "datasets.context = 'train'"],
    ["dataset.name = 'my_dataset'", "datasets.name = 'my_dataset'"],
    ['attributes.status = "ACTIVE"', "status in ('queued', 'running', 'interrupted')"],
    ["attributes.status = 'FAILED'", "status = 'failed'"],
    ["attribute.status = 'KILLED'", "status = 'cancelled'"],
    ["run.status = 'RUNNING'", "status = 'running'"],
    ["attributes.user_id LIKE 'user1'", "user like 'user1'"],
    ['attributes.run_name = "my-run"', "name = 'my-run'"],
    ['attributes.`Run name` ILIKE "%alpha%"', "name ilike '%alpha%'"],
    ["attributes.`run name` IN ('alpha', 'beta', 'gamma')", "name in ('alpha', 'beta', 'gamma')"],
    ["attributes.run_id IN ('a1b2c3d4', 'e5f6g7h8')", "run_id in ('a1b2c3d4', 'e5f6g7h8')"],
    ["attributes.run_id NOT IN ('5984a3488161440f92de9847e846b342')", "run_id not in ('5984a3488161440f92de9847e846b342')"],
    ['attributes.start_time >= 1664067852747', 'started >= 1664067852747'],
    ['attributes.end_time < 1664067852747', 'ended < 1664067852747'],
    ['attributes.Created > 1664067852747', 'created > 1664067852747'],
    ["attribute.artifact_uri = '1/23/4'", "artifact_uri = '1/23/4'"],
    ['metric.acc>=100', 'metrics.acc >= 100'],
    ["params.m!='tf'", "params.m != 'tf'"],
    ['params."m"!="tf"', "params.m != 'tf'"],
    ['metrics."X//Y#$$@&Z" = 3', 'metrics.`X//Y#$$@&Z` = 3'],
    ['`metric`.a >= 0.1', 'metrics.a >= 0.1'],
    ["`params`.model >= 'LR'", "params.model >= 'LR'"],
    ['metrics."accuracy.2.0" > 5', 'metrics.accuracy.2.0 > 5'],
    ['tags."t.a.g" = "a"', "tags.t.a.g = 'a'"],
    ['parameter.m = "L\'Hosp"', "params.m = 'L''Hosp'"],
    ["attr.status != 'FINISHED'", "status != 'finished'"],
    ['tags.version IS NULL', 'tags.version is null'],
    ["params.lr IS NOT NULL AND params.b = 'val'", "params.lr is not null and params.b = 'val'"],
  ])('%s', (text, expected) => {
    expect(understood(text)).toBe(expected);
  });

  it('reads its orders', () => {
    expect(printOrder(parseOrder('metrics.acc DESC'))).toBe('metrics.acc desc');
    expect(printOrder(parseOrder('params.lr'))).toBe('params.lr');
    expect(printOrder(parseOrder('attributes.start_time ASC'))).toBe('started');
    expect(printOrder(parseOrder('start_time'))).toBe('started');
    expect(printOrder(parseOrder('metrics.`a b` desc, tags."c"'))).toBe('metrics.`a b` desc, tags.c');
    expect(parseOrder(' ')).toStrictEqual([]);
  });
});

describe('what is wrong is said at its column', () => {
  it.each([
    ['metrcs.loss < 1', 1, 'there is no field "metrcs.loss".', 'Did you mean "metrics.loss"?'],
    ['seed = 1 and staus = failed', 14, 'there is no field "staus".', 'Did you mean "status"?'],
    ['training.optimizer=sgd', 1, 'there is no field "training.optimizer".', 'Did you mean "params.training.optimizer" or "metrics.training.optimizer"?'],
    ['loss < 0.1', 1, 'there is no field "loss".', 'did you mean "metrics.loss", "params.loss" or "tags.loss"?'],
    ["seed = 1 and `val loss` < 1", 14, 'there is no field "val loss".', 'did you mean "metrics.`val loss`"'],
    ['status = faild', 10, 'there is no status "faild".', 'Did you mean "failed"?'],
    ["status in ('failed', 'nope')", 22, 'there is no status "nope".', 'Use queued'],
    ['metrics.loss <', 15, 'a value is expected, not the end.', undefined],
    ['metrics.loss', 13, 'a comparison is expected after metrics.loss', undefined],
    ['metrics.loss is 3', 17, '"null" or "not null" is expected, not "3".', 'To compare with a value'],
    ["metrics.loss = 'low'", 16, 'metrics.loss is compared with a number, not "\'low\'".', undefined],
    ["metrics.loss < '0.5'", 16, 'metrics.loss is compared with a number', 'Write 0.5 without quotes.'],
    ["metrics.loss like '1%'", 14, '"like" is for text; metrics.loss is a number.', 'Compare it by'],
    ["created like '2026%'", 9, '"like" is for text; created is a time.', undefined],
    ['metrics.loss < nan', 16, 'nan has no order', undefined],
    ['params.a < true', 12, 'true has no order', undefined],
    ['status < finished', 8, 'status has no order', undefined],
    ['tags.a = null', 10, 'null is no value.', 'Write "tags.a is null"'],
    ['metrics.a = metrics.b', 13, 'a field is compared with a value, not with another field.', undefined],
    ['tag.test = `abc`', 12, 'backticks are for names', undefined],
    ["name = 'abc", 8, "the quote ' is not closed.", undefined],
    ['seed = 1 adn seed = 2', 10, '"and", "or" or the end is expected, not "adn".', 'Did you mean "and"?'],
    ['(seed = 1', 10, '"and", "or" or ")" is expected, not the end.', 'The parenthesis of column 1 is still open.'],
    ['seed = 1)', 9, 'this parenthesis closes none.', undefined],
    ['seed in 3', 9, 'a list in parentheses is expected', undefined],
    ['seed in ()', 10, 'a value is expected, not ")".', undefined],
    ['seed = 1; drop table runs', 9, '";" has no meaning here.', 'A filter is one expression'],
    ["created > '2026-02-30'", 11, 'created is a time such as', undefined],
    ['created > now - 7x', 11, 'created is a time such as', undefined],
    ['duration > long', 12, 'duration is a duration such as 90s', undefined],
    ['metrics. < 1', 1, 'a name is expected after "metrics.".', undefined],
    ['datasets.nme = a', 10, 'a data set has name, digest and context', 'Did you mean "name"?'],
    ['max(params.a) = 1', 5, 'max is for metrics', undefined],
    ['metrics.loss lke 3', 14, 'a comparison is expected', 'Did you mean "like"?'],
    ["name = 'a\0b'", 10, 'the character NUL', undefined],
  ])('%j', (text, column, message, hint) => {
    const found = problem(text);
    expect(found.column).toBe(column);
    expect(found.message).toContain(message);
    if (hint !== undefined) expect(found.hint).toContain(hint);
  });

  it('holds for orders and lists of fields', () => {
    expect(problem('metrics.a desc, metrics.a', parseOrder)).toMatchObject({ column: 17, message: 'metrics.a stands twice.' });
    expect(problem('metrics.a dsc', parseOrder)).toMatchObject({ column: 11 });
    expect(problem('params.a desc', parseFields)).toMatchObject({ column: 10 });
  });

  it('marks the column below the text', () => {
    expect(caretLines('seed = x', 8)).toStrictEqual(['seed = x', '       ^']);
    expect(caretLines('tags.🙂 = = 3', 11)).toStrictEqual(['tags.🙂 = = 3', '         ^']);
    const [line, caret] = caretLines(`${'a'.repeat(500)}!${'b'.repeat(500)}`, 501);
    expect(line[caret.length - 1]).toBe('!');
    expect(line.length).toBeLessThan(90);
  });
});

describe('hostile text', () => {
  it('is refused where it is too long, too deep or too much', () => {
    expect(problem(`seed = ${'1'.repeat(LONGEST_FILTER)}`).message).toContain('longer than');
    expect(problem('('.repeat(10_000)).message).toContain(`more than ${DEEPEST_FILTER}`);
    expect(problem('not '.repeat(10_000)).message).toContain(`more than ${DEEPEST_FILTER}`);
    expect(problem(Array.from({ length: MOST_CONDITIONS + 1 }, () => 'seed = 1').join(' or ')).message).toContain(`more than ${MOST_CONDITIONS}`);
    expect(problem(`name like '${'%a'.repeat(501)}'`).message).toContain('1000 characters');
  });

  it('is taken up to the limits', () => {
    expect(parseFilter(`${'('.repeat(DEEPEST_FILTER)}seed = 1${')'.repeat(DEEPEST_FILTER)}`)).not.toBeNull();
    expect(parseFilter(`seed in (${Array.from({ length: 10_000 }, (_, index) => index).join(',')})`)).not.toBeNull();
  });
});
