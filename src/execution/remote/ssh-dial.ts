/** Starts an outpost on a machine that OpenSSH reaches; the programs it needs are sent before, once. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { ClientChannel } from 'ssh2';
import type { SshEndpoint } from '../../config/machine';
import { quoteFor } from '../../config/shell';
import { RepriseError } from '../../errors/errors';
import { packed } from '../docker/archive';
import { connectSsh, type SshConnection } from '../ssh/connect';
import type { Dial, Line } from './link';

/** The programs for other machines: a folder of this one, named there by the hash of what is in it. */
export interface SentKit {
  readonly folder: string;
  readonly hash: string;
}

export interface SshDialOptions {
  /** Name of the machine, for people. */
  readonly name: string;
  readonly endpoint: SshEndpoint;
  /** Base folder there; `~/` is the home of the user there. */
  readonly folder: string;
  readonly kit: () => Promise<SentKit>;
}

/** What comes before is said by the start-up files of the user's shell. */
const MARK = 'reprise-outpost ';
/** How long the shell there may take to say anything. */
const ANSWER_MS = 30_000;
const LAST_WORDS = 2000;

/** `$1`: the base folder; `$d`: the same, absolute. `$k`: the programs of the hash `$2`. Lines are joined: some shells take no line breaks in a word. */
const FIND = ['case $1 in "~") d=$HOME;; "~/"*) d=$HOME/${1#"~/"};; /*) d=$1;; *) d=$HOME/$1;; esac', 'k=$d/kit/$2'];
const SERVE = [...FIND, `if [ -f "$k/outpost.js" ]`, `then printf "${MARK}serves\\n"`, 'exec "$k/bin/node" "$k/outpost.js" serve "$d"', `else printf "${MARK}lacks %s %s\\n" "$(uname -s)" "$(uname -m)"`, 'fi'];
/** The programs come as a tar on the standard input, and stand at their place once all of them are there. */
const UNPACK = [
  ...FIND,
  't=$d/kit/.$2.$$',
  'umask 077',
  'mkdir -p "$t" || exit 1',
  'gzip -dc | tar -xf - -C "$t" || { rm -rf "$t"; exit 1; }',
  '[ -e "$k" ] || mv "$t" "$k"',
  'rm -rf "$t"',
  `[ -f "$k/outpost.js" ] && printf "${MARK}unpacked\\n"`,
];

/** One line for whatever shell the user has there, which `/bin/sh` reads. */
export function shellLine(script: readonly string[], ...words: readonly string[]): string {
  const joined = script.join('; ');
  return ['/bin/sh', '-c', joined, 'reprise', ...words].map((word) => quoteFor('sh', word) ?? refuseWord(word)).join(' ');
}

function refuseWord(word: string): never {
  throw new RepriseError('MACHINE_FOLDER_INVALID', `${JSON.stringify(word)} is no name of a folder.`, { hint: 'Correct `folder` of the machine.' });
}

export function sshDial({ name, endpoint, folder, kit }: SshDialOptions): Dial {
  return async (signal) => {
    const connection = await connectSsh(endpoint, signal);
    try {
      const programs = await kit();
      const first = await ask(connection, name, shellLine(SERVE, folder, programs.hash));
      if (first.said === 'serves') return lineOf(connection, first);
      const [, system = 'nothing', processor = 'nothing'] = /^lacks (\S+) (\S+)$/u.exec(first.said) ?? [];
      if (system !== 'Linux' || processor !== 'x86_64') throw new RepriseError('MACHINE_UNSUPPORTED', `${name} is a machine of ${system} on ${processor}; Reprise has programs for Linux on x86_64 only.`, { hint: 'Use another machine, or Docker on this one.' });
      await unpack(connection, name, folder, programs);
      const second = await ask(connection, name, shellLine(SERVE, folder, programs.hash));
      if (second.said !== 'serves') throw failed(name, second.said);
      return lineOf(connection, second);
    } catch (error) {
      connection.close();
      throw error;
    }
  };
}

/** Sends the programs. @throws RepriseError MACHINE_SETUP_FAILED (disk full, no tar, a folder that cannot be written) */
async function unpack(connection: SshConnection, name: string, folder: string, { folder: programs, hash }: SentKit): Promise<void> {
  const channel = await execute(connection, shellLine(UNPACK, folder, hash));
  const errors = lastWords(channel.stderr);
  const said = lastWords(channel);
  const over = once(channel, 'close');
  const entries = (await readdir(programs)).sort().map((entry) => ({ source: path.join(programs, entry), name: entry }));
  // What stops the shell there breaks the stream; it says itself why.
  await pipeline(packed(entries, { uid: 0, gid: 0 }), createGzip({ level: 1 }), channel.stdin).catch(() => undefined);
  await over;
  if (!said().includes(`${MARK}unpacked`)) throw failed(name, errors());
}

function failed(name: string, why: string): RepriseError {
  const lines = why.trim().split('\n');
  const full = lines.find((line) => /no space left|quota/iu.test(line));
  // What tar says last is only that it failed.
  const words = full ?? lines.findLast((line) => !line.includes('Exiting with failure status')) ?? '';
  return new RepriseError('MACHINE_SETUP_FAILED', `The programs of Reprise could not be set up on ${name}: ${words === '' ? 'its shell does not say why' : words}.`, {
    kind: 'input',
    hint: full !== undefined ? 'Make room there, or name another `folder` of the machine.' : 'It needs sh, gzip, tar, and a `folder` that the user may write.',
  });
}

interface Told {
  readonly channel: ClientChannel;
  /** What the script says after the mark. */
  readonly said: string;
  /** What came behind it already. */
  readonly rest: Buffer;
  readonly errors: () => string;
}

/** Runs a script until it has said something. @throws RepriseError MACHINE_SETUP_FAILED where it says nothing */
async function ask(connection: SshConnection, name: string, line: string): Promise<Told> {
  const channel = await execute(connection, line);
  const errors = lastWords(channel.stderr);
  let output = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const lose = (): void => reject(failed(name, errors()));
    const timer = setTimeout(lose, ANSWER_MS);
    const hear = (bytes: Buffer): void => {
      output = Buffer.concat([output, bytes]);
      const at = output.indexOf(MARK);
      const end = at < 0 ? -1 : output.indexOf(10, at);
      if (end < 0) return;
      clearTimeout(timer);
      channel.off('data', hear).off('close', lose).pause();
      resolve({ channel, said: output.toString('utf8', at + MARK.length, end), rest: output.subarray(end + 1), errors });
    };
    channel.on('data', hear).once('close', lose);
  });
}

function execute({ client }: SshConnection, line: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(line, (error, channel) => {
      if (error === undefined) resolve(channel);
      else reject(new RepriseError('SSH_UNREACHABLE', `A program cannot be started there: ${error.message}.`, { kind: 'system', cause: error }));
    });
  });
}

/** Keeps the end of what a stream says. */
function lastWords(stream: Readable): () => string {
  let words = '';
  stream.on('data', (bytes: Buffer) => (words = `${words}${bytes.toString('utf8')}`.slice(-LAST_WORDS)));
  return () => words;
}

function lineOf(connection: SshConnection, { channel, rest, errors }: Told): Line {
  const output = new PassThrough();
  output.write(rest);
  channel.pipe(output);
  const over = once(channel, 'close').then(() => {
    const words = errors().trim().split('\n').at(-1) ?? '';
    return words === '' ? 'the outpost there ended' : `the outpost there ended: ${words}`;
  });
  const closed = Promise.race([over, connection.closed]);
  void closed.then(() => connection.close());
  return { input: channel, output, closed, close: connection.close };
}
