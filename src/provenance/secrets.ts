/** Finds what must not leave a machine: in files, patches, variables, arguments and captured output. */
import { secretKindOf, type SecretKind } from './secret-names';
import { SHAPES } from './secret-shapes';

export { isSecretName } from './secret-names';

/** Grows with every change of what is recognised: answers that are remembered hold for one number only. */
export const SECRET_RULES = 2;

export interface FoundSecret {
  /** In words, with its article: `an API key`. */
  readonly what: string;
  /** Code units of the text, end exclusive. */
  readonly start: number;
  readonly end: number;
}

const TELLING = /passw(?:or)?d|passphrase|passcode|(?<=_)pass|pwd|secret|credentials?|api[-_ ]?key|(?:access|account|auth|private|signing|encryption|master|service|storage|shared|app|client|subscription|license|ssh|deploy)[-_ ]?key|token|_pat\b/giu;
const NAME_BEFORE = /[\w.-]{0,60}$/u;
const NAME_AFTER = /[\w-]{0,40}/yu;
/** What stands between a name and its value: `=`, `:`, `=>`, the quote and bracket that end the name, in JSON inside JSON with backslashes. */
const ASSIGNS = /\\?["'`]?\]?[ \t]{0,20}(?::=|=>|=|:)[ \t]{0,20}/yu;
/** The comma of `setdefault("API_KEY", "…")`. */
const PASSES = /\\?["'`][ \t]{0,4},[ \t]{0,4}(?=["'`\\])/yu;
/** The space of `--api-key VALUE`. */
const SPACE = /[ \t]+/yu;
const QUOTED = /(?:[rbuf]{1,2})?(?<quote>\\?["'`])(?<value>[^\n"'`]{4,500}?)\k<quote>/yiu;
const BARE = /(?<value>[^\s"'`,;(){}[\]<>\\|]{6,500})(?=$|[\s,;"'`<\\|}\])])/yu;

/** What people write where a secret will stand. */
const PLACEHOLDER =
  /^(?:x{3,}|\*{3,}|\.{3,}|_+|-+|0+|1234(?:56?7?8?9?0?)?|abc(?:123)?|[<{[$%].*|.*\$\{.*|.*\{\{.*|.*%\(.*)$|^(?:your?|my|change|replace|insert|enter|put|example|dummy|fake|placeholder|todo|foo|bar|none|null|nil|true|false|undefined|redacted|withheld|hidden|optional|required|string|some|a|the|test)(?:[-_. ].*|me|this|string)?$|(?:^|[-_. ])(?:example|placeholder|here|redacted|changeme|dummy|goes)(?:[-_. ]|$)/iu;
/** Its own name, or a name in capitals: `https://user:password@host`, `--token TOKEN`. */
const OWN_NAME = /^(?:pass(?:word|wd|phrase)?|pwd|pw|token|secret|key|api[-_]?key|user(?:name)?|login|credentials?)$/iu;
const CAPITALS = /^[A-Z]+(?:_[A-Z]+)*$/u;

function isPlaceholder(value: string): boolean {
  return PLACEHOLDER.test(value) || OWN_NAME.test(value) || CAPITALS.test(value);
}

/** Something that is looked up elsewhere, not said here. */
const REFERENCE = /^(?:os\.|env\.|process\.|args?\.|opts?\.|cfg\.|conf(?:ig)?\.|self\.|this\.|settings\.|secrets?\.|vars?\.|var\.|data\.|params?\.|flags\.|st\.|github\.|vault:|arn:|projects\/|file:|op:\/\/|ssm:)/iu;
const NAMES_ITSELF = /passw|passphrase|secret|token|credential|api_?key|private_?key|login|field|prompt/iu;

function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const sign of text) counts.set(sign, (counts.get(sign) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** A run of letters and digits that no word has: both mixed, neither `resnet50` nor `v2`. */
function hasMixedRun(value: string, length: number): boolean {
  return (value.match(/[A-Za-z0-9]+/gu) ?? []).some((run) => run.length >= length && /\d/u.test(run) && /[A-Za-z]/u.test(run) && !/^[A-Za-z]+\d{1,4}$/u.test(run));
}

/** Whether a value under a telling name can be the secret itself. `bare` is one without quotes, which may be an expression. */
function isPlausible(value: string, kind: SecretKind, bare: boolean): boolean {
  // Issuers keep to ASCII; a tokenizer's `Ġ` does not.
  if (isPlaceholder(value) || REFERENCE.test(value) || (kind !== 'password' && /[^\x20-\x7e]/u.test(value))) return false;
  // `password = form.password2`, `token = new_token_1`: names of a program.
  if (bare && (/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$/u.test(value) || (NAMES_ITSELF.test(value) && /^[\w.-]+$/u.test(value)))) return false;
  const symbol = /[!@#$%^&*+=?~]/u.test(value);
  switch (kind) {
    case 'password':
      if (value.length < 6) return false;
      if (/\s/u.test(value)) return !bare && /\d|[!@#$%^&*=~]/u.test(value) && !NAMES_ITSELF.test(value) && value.split(/\s+/u).length <= 6;
      if (/\d/u.test(value) || symbol) return !/^[a-z]+(?:_[a-z0-9]+)+$/u.test(value) && !/^\d{1,5}$/u.test(value);
      return !bare && value.length >= 8 && /^[A-Za-z]+$/u.test(value) && !NAMES_ITSELF.test(value);
    case 'key':
      if (value.length < 8 || /\s/u.test(value)) return false;
      return hasMixedRun(value, 6) || (symbol && /\d/u.test(value) && !bare) || (value.length >= 16 && /[a-z]/u.test(value) && /[A-Z]/u.test(value) && /\d/u.test(value));
    case 'token':
      return value.length >= 16 && !/\s/u.test(value) && hasMixedRun(value, 12) && entropy(value) >= 3;
    default:
      return kind satisfies never;
  }
}

const KIND_IN_WORDS: Readonly<Record<SecretKind, string>> = { password: 'a password', key: 'an API key', token: 'a token' };

function at(pattern: RegExp, text: string, index: number): RegExpExecArray | null {
  pattern.lastIndex = index;
  return pattern.exec(text);
}

/** Values that a telling name gives away: `api_key = "…"`, `password: …`, `--token …`, in any language and in JSON inside JSON. */
function* assignments(text: string): Generator<FoundSecret> {
  for (const match of text.matchAll(TELLING)) {
    const before = NAME_BEFORE.exec(text.slice(Math.max(0, match.index - 60), match.index))?.[0] ?? '';
    const end = match.index + match[0].length;
    const after = at(NAME_AFTER, text, end)?.[0] ?? '';
    const name = before + match[0] + after;
    const kind = secretKindOf(name);
    if (kind === null) continue;
    const nameEnd = end + after.length;
    const place = valueAfter(text, name, nameEnd, kind);
    if (place === null) continue;
    const { start, passed } = place;
    const quoted = at(QUOTED, text, start);
    const found = quoted ?? at(BARE, text, start);
    let value = found?.groups?.['value'];
    if (found === null || value === undefined) continue;
    // The next parameter of an address is none of its value.
    if (quoted === null && /[?&]$/u.test(text.slice(0, nameEnd - name.length).slice(-1))) value = value.replace(/&.*$/u, '');
    if (!isPlausible(value, passed ? 'key' : kind, quoted === null)) continue;
    const from = start + found[0].indexOf(value);
    yield { what: KIND_IN_WORDS[kind], start: from, end: from + value.length };
  }
}

/** Where the value of a name may begin. `passed`: as the next argument or list item, where only a random one counts. */
function valueAfter(text: string, name: string, end: number, kind: SecretKind): { readonly start: number; readonly passed: boolean } | null {
  const assigns = at(ASSIGNS, text, end);
  if (assigns !== null) return { start: end + assigns[0].length, passed: false };
  const passes = kind === 'token' ? null : at(PASSES, text, end);
  if (passes !== null) return { start: end + passes[0].length, passed: true };
  const space = name.startsWith('--') ? at(SPACE, text, end) : null;
  return space === null ? null : { start: end + space[0].length, passed: false };
}

/** All that a text shows, in its order, without overlaps. */
export function secretsIn(text: string): FoundSecret[] {
  const found: FoundSecret[] = [...assignments(text)];
  for (const { what, pattern } of SHAPES) {
    for (const match of text.matchAll(pattern)) {
      const secret = match.groups?.['secret'] ?? match[0];
      const start = match.index + match[0].lastIndexOf(secret);
      if (match.groups?.['secret'] !== undefined && isPlaceholder(secret)) continue;
      found.push({ what, start, end: start + secret.length });
    }
  }
  found.sort((left, right) => left.start - right.start || right.end - left.end);
  const apart: FoundSecret[] = [];
  for (const entry of found) {
    const last = apart.at(-1);
    if (last === undefined || entry.start >= last.end) apart.push(entry);
    else if (entry.end > last.end) apart[apart.length - 1] = { ...last, end: entry.end };
  }
  return apart;
}

/** What kind of secret a text shows, in words (`a private key`), or null. */
export function secretIn(text: string): string | null {
  return secretsIn(text)[0]?.what ?? null;
}

/** How what stands in for a secret begins. */
export const WITHHELD = '[withheld: ';

const marker = (what: string): string => `${WITHHELD}${what}]`;

/** The text with each secret replaced by `[withheld: an API key]`. */
export function redactText(text: string): string {
  const found = secretsIn(text);
  if (found.length === 0) return text;
  let clean = '';
  let from = 0;
  for (const { what, start, end } of found) {
    clean += text.slice(from, start) + marker(what);
    from = end;
  }
  return clean + text.slice(from);
}

/** Shorter values are in too many words that are no secret. */
const SHORTEST_KNOWN = 4;

/** Lines that a private key has at most: an RSA key of 16,384 bits. */
const KEY_LINES = 250;

/**
 * The same for a text that comes line by line: remembers that a private key has begun, whose lines alone show nothing.
 * One for each stream.
 * @param values that are known to be secret, whatever they look like
 */
export function lineRedactor(values: readonly string[] = []): (line: string) => string {
  const known = values.flatMap((value) => value.split('\n')).map((value) => value.trim()).filter((value) => value.length >= SHORTEST_KNOWN);
  let left = 0;
  return (text) => {
    const line = known.reduce((shown, value) => shown.replaceAll(value, marker('a secret')), text);
    if (left > 0) {
      left = /-----END |[^\w+/=:,. \r-]/u.test(line) || /\s\S+\s/u.test(line.trim()) ? 0 : left - 1;
      if (left > 0 || line.includes('-----END ')) return marker('a private key');
    }
    const begin = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s*$/u.exec(line);
    if (begin !== null) left = KEY_LINES;
    return redactText(line);
  };
}

/** The value of a variable or parameter: withheld whole where its name promises a secret, else without what it shows. */
export function redactNamed(name: string, value: string): string {
  const kind = secretKindOf(name);
  const certain = kind === 'password' || kind === 'key' || (kind === 'token' && value.length >= 8 && !/^[a-z<>[\]_|/-]+$/iu.test(value));
  if (certain && value !== '' && !isPlaceholder(value)) return marker(KIND_IN_WORDS[kind]);
  return redactText(value);
}

/** Arguments of a program: `--api-key VALUE`, `--password=VALUE`, and what each shows by itself. */
export function redactArguments(args: readonly string[]): string[] {
  return args.map((argument, index) => {
    const before = args[index - 1];
    if (before !== undefined && /^--?[A-Za-z][\w.-]*$/u.test(before) && !argument.startsWith('-')) return redactNamed(before, argument);
    const [, name, value] = /^(--?[A-Za-z][\w.-]*=)(.*)$/su.exec(argument) ?? [];
    return name === undefined || value === undefined ? redactText(argument) : name + redactNamed(name.slice(0, -1), value);
  });
}
