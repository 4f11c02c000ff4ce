/** Recognises secrets by a name: of a file, or of the value that a text, a variable or an argument gives. */
import path from 'node:path';

const SECRET_FILES: readonly RegExp[] = [
  // `.env` and its variants, but not the templates that are meant to be shared.
  /^(?!.*\.(?:example|sample|template|dist)$)(?:.*\.)?env(?:\..+|rc)?$/u,
  /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|gpg|asc|tfstate|kubeconfig)$/u,
  /^id_(?:rsa|dsa|ecdsa|ed25519)[^.]*$/u,
  /^\.?credentials?(?:[._-].*)?$/u,
  /^\.git-credentials$/u,
  /^\.?secrets?(?:\.[^.]+)?$/u,
  /^\.?(?:password|passwd|token)s?(?:\.(?:txt|json|ya?ml|toml|ini|cfg))?$/u,
  /^client_secret.*\.json$/u,
  /^service[_-]account.*\.json$/u,
  /^application_default_credentials\.json$/u,
  /^(?:\.npmrc|\.yarnrc\.yml|\.netrc|_netrc|\.pypirc|\.pgpass|\.htpasswd|\.dockercfg|\.boto|\.s3cfg|\.my\.cnf|kaggle\.json|\.vault-token|\.huggingface_token|kubeconfig)$/u,
];

/** Programs and texts about secrets hold none by their name; what they show is looked at. */
const PROGRAM = /\.(?:py|pyi|ipynb|m?[jt]sx?|c|h|cc|cpp|hpp|cu|rs|go|java|kt|scala|jl|r|rb|php|cs|swift|lua|md|rst|html|css)$/u;

const SECRET_FOLDERS = new Set(['.ssh', '.aws', '.gnupg', '.kube', '.docker', '.azure', '.gcloud']);

/** Whether a path (with `/`) names a file that usually holds a secret. Case does not matter. */
export function isSecretName(file: string): boolean {
  const parts = file.toLowerCase().split('/');
  if (parts.slice(0, -1).some((folder) => SECRET_FOLDERS.has(folder))) return true;
  const name = path.posix.basename(file.toLowerCase());
  return !PROGRAM.test(name) && SECRET_FILES.some((pattern) => pattern.test(name));
}

/** What a telling name promises: how strict a look its value needs. */
export type SecretKind = 'password' | 'key' | 'token';

const PASSWORDS = new Set(['password', 'passwd', 'pwd', 'passphrase', 'pass', 'passcode']);
/** What makes `…_key` a secret; `sort_key`, `cache_key` and the keys of dictionaries are none. */
const KEY_KINDS = new Set(['api', 'access', 'secret', 'account', 'auth', 'private', 'signing', 'encryption', 'master', 'service', 'storage', 'shared', 'app', 'client', 'subscription', 'license', 'ssh', 'deploy']);
/** Tokens of text, not of access: `pad_token`, `eos_token`. */
const TEXT_TOKENS = new Set([
  'pad', 'cls', 'sep', 'mask', 'unk', 'bos', 'eos', 'eot', 'eod', 'sot', 'start', 'end', 'begin', 'stop', 'special', 'image', 'audio', 'video', 'prompt', 'next', 'prev', 'last', 'first', 'num', 'max', 'min',
  'per', 'n', 'added', 'word', 'sub', 'class', 'target', 'source', 'input', 'output', 'query', 'text', 'new', 'system', 'user', 'assistant', 'vocab', 'trigger', 'placeholder', 'separator', 'lang', 'task', 'dist', 'by', 'each', 'decoder', 'encoder', 'page', 'continuation', 'sync',
]);
/** Whose `…_pat` is an access token. */
const ACCOUNTS = new Set(['github', 'gitlab', 'azure', 'devops', 'ado', 'databricks', 'snowflake']);
/** Words after the telling one that do not change what it is: `DB_PASSWORD_PROD`, `api_key_2`. */
const SUFFIX = /^(?:\d+|prod|production|dev|development|stag(?:e|ing)|live|main|value|b64|base64)$/u;

/** `clientSecret`, `CLIENT-SECRET` and `app.client_secret` as `client`, `secret`. */
function wordsOf(name: string): string[] {
  return name
    .replace(/^.*\./u, '')
    .replace(/([a-z0-9])([A-Z])/gu, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/u)
    .filter((word) => word !== '');
}

/** What kind of secret a name of a value promises; null where it promises none (`pad_token`, `key`, `secret_name`). */
export function secretKindOf(name: string): SecretKind | null {
  const words = wordsOf(name);
  while (words.length > 1 && SUFFIX.test(words.at(-1) ?? '')) words.pop();
  const last = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  if (words.includes('public')) return null;
  if (PASSWORDS.has(last)) return last === 'pass' && words.length === 1 ? null : 'password';
  if (/^.*(?:password|passwd)$/u.test(last)) return 'password';
  if (last === 'secret' || last === 'apikey' || last === 'secretkey' || last === 'accesskey' || last === 'authtoken' || last === 'accesstoken' || last === 'credential' || last === 'credentials') return 'key';
  if (last === 'key' && KEY_KINDS.has(before)) return 'key';
  if (last === 'token') return TEXT_TOKENS.has(before) ? null : 'token';
  if (last === 'pat' && ACCOUNTS.has(before)) return 'token';
  return null;
}
