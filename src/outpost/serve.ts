/** `outpost.js serve BASE`: answers the requests of a host, many at one time. */
import { mkdir, realpath } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { ZodError } from 'zod';
import { RepriseError, toErrorReport } from '../errors/errors';
import { kitName } from './programs';
import { frame, FrameReader, METHODS, requestSchema, type Input, type Method, type Output } from './protocol';
import { clean, leftovers } from './serve-clean';
import { facts, python } from './serve-facts';
import { Poller } from './serve-poll';
import { list, read, remove, writeRuns } from './serve-runs';
import { exec } from './serve-shell';
import { end, start } from './serve-start';
import { missing, putInput, putObject, sealInput } from './serve-store';

const NOTHING = Buffer.alloc(0);

interface Answered<M extends Method> {
  readonly value: Output<M>;
  readonly body: Buffer;
}

type Methods = { readonly [M in Method]: (input: Input<M>, body: Buffer) => Promise<Answered<M>> };

async function alone<M extends Method>(value: Output<M> | Promise<Output<M>>): Promise<Answered<M>> {
  return { value: await value, body: NOTHING };
}

const done = async (work: Promise<void>): Promise<{ readonly value: Record<string, never>; readonly body: Buffer }> => {
  await work;
  return { value: {}, body: NOTHING };
};

function methodsOn(base: string): Methods {
  const poller = new Poller(base);
  return {
    hello: () => alone<'hello'>({ base, host: hostname(), time: Date.now(), kit: kitName }),
    facts: () => alone<'facts'>(facts(base)),
    exec,
    python: (input) => alone<'python'>(python(base, input)),
    missing: (input) => alone<'missing'>(missing(base, input)),
    putObject: (input, body) => done(putObject(base, input, body)),
    putInput: (input, body) => done(putInput(base, input, body)),
    sealInput: (input) => done(sealInput(base, input)),
    writeRuns: (input, body) => done(writeRuns(base, input, body)),
    poll: (input) => poller.poll(input),
    list: (input) => alone<'list'>(list(base, input)),
    read: (input) => read(base, input),
    start: (input) => alone<'start'>(start(base, input)),
    end: (input) => done(end(base, input)),
    remove: (input) => done(remove(base, input)),
    leftovers: () => alone<'leftovers'>(leftovers(base)),
    clean: (input) => alone<'clean'>(clean(base, input)),
  };
}

/** Checks what is asked and does it. @throws RepriseError REQUEST_INVALID, and what the method throws */
async function callOf<M extends Method>(methods: Methods, header: unknown, body: Buffer): Promise<Answered<Method>> {
  const request = requestSchema.safeParse(header);
  if (!request.success) throw invalid('that was made', request.error);
  const method = request.data.method as M;
  const parsed = METHODS[method].input.safeParse(request.data.input);
  if (!parsed.success) throw invalid(method, parsed.error);
  return methods[method](parsed.data as Input<M>, body);
}

function invalid(request: string, { issues }: ZodError): RepriseError {
  return new RepriseError('REQUEST_INVALID', `The request ${request} is not one that this version understands: ${issues[0]?.message ?? ''}`, { kind: 'input' });
}

const addressed = requestSchema.pick({ id: true }).loose();

/** @throws where nobody could be answered */
async function answerTo(methods: Methods, header: unknown, body: Buffer): Promise<Buffer> {
  const { id } = addressed.parse(header);
  try {
    const answered = await callOf(methods, header, body);
    return frame({ id, ok: true, value: answered.value, bytes: answered.body.length }, answered.body);
  } catch (error) {
    const { code, message, hint } = toErrorReport(error);
    return frame({ id, ok: false, error: { code, message, ...(hint === undefined ? {} : { hint }) }, bytes: 0 });
  }
}

/**
 * Serves until its input ends and all that was asked is answered, or the input holds something that is no request.
 * @param base made where it is not there
 */
export async function serve(base: string, input: Readable, output: Writable): Promise<void> {
  await mkdir(base, { recursive: true });
  const methods = methodsOn(await realpath(base));
  const leave = (code: number): void => process.exit(code);
  let unanswered = 0;
  let isOver = false;
  const answered = (): void => {
    unanswered -= 1;
    if (isOver && unanswered === 0) leave(0);
  };
  const reader = new FrameReader((header, body) => {
    unanswered += 1;
    void answerTo(methods, header, body).then(
      (answer) => output.write(answer, answered),
      () => leave(2),
    );
  });
  // Nobody listens any more.
  output.on('error', () => leave(0));
  input.on('end', () => {
    isOver = true;
    if (unanswered === 0) leave(0);
  });
  input.on('data', (bytes: Buffer) => {
    try {
      reader.push(bytes);
    } catch {
      leave(2);
    }
  });
}
