/** Recognises what must not leave a machine in a run's provenance: by a file's name, or by what a text shows. */
import path from 'node:path';

const SECRET_NAMES: readonly RegExp[] = [
  // `.env` and its variants, but not the templates that are meant to be shared.
  /^(?!.*\.(?:example|sample|template|dist)$)(?:.*\.)?env(?:\..+|rc)?$/u,
  /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|gpg|asc)$/u,
  /^id_(?:rsa|dsa|ecdsa|ed25519)[^.]*$/u,
  /^\.?credentials?(?:[._-].*)?$/u,
  /^\.git-credentials$/u,
  /^\.?secrets?(?:\.[^.]+)?$/u,
  /^\.?(?:password|passwd|token)s?(?:\.(?:txt|json|ya?ml|toml|ini|cfg))?$/u,
  /^client_secret.*\.json$/u,
  /^service[_-]account.*\.json$/u,
  /^application_default_credentials\.json$/u,
  /^(?:\.npmrc|\.yarnrc\.yml|\.netrc|_netrc|\.pypirc|\.pgpass|\.htpasswd|\.dockercfg|\.boto|\.s3cfg|\.my\.cnf|kaggle\.json|\.vault-token|\.huggingface_token)$/u,
];

const SECRET_FOLDERS = new Set(['.ssh', '.aws', '.gnupg', '.kube', '.docker', '.azure', '.gcloud']);

/** Whether a path (with `/`) names a file that usually holds a secret. Case does not matter. */
export function isSecretName(file: string): boolean {
  const parts = file.toLowerCase().split('/');
  if (parts.slice(0, -1).some((folder) => SECRET_FOLDERS.has(folder))) return true;
  const name = path.posix.basename(file.toLowerCase());
  return SECRET_NAMES.some((pattern) => pattern.test(name));
}

interface Shape {
  readonly what: string;
  readonly pattern: RegExp;
}

// Shapes that their issuers document; each is distinctive enough to be no ordinary word of a program.
const SHAPES: readonly Shape[] = [
  { what: 'a private key', pattern: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d/u },
  { what: 'an AWS key', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|aws_secret_access_key["']?\s*[=:]\s*["']?[A-Za-z0-9/+]{40}/iu },
  { what: 'a GitHub token', pattern: /\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{40,}/u },
  { what: 'a GitLab token', pattern: /\bgl(?:pat|ptt|rt|dt)-[A-Za-z0-9_-]{20,}/u },
  { what: 'a Slack token', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com\/services\/T[A-Z0-9]+\//u },
  { what: 'a Hugging Face token', pattern: /\bhf_[A-Za-z0-9]{30,}/u },
  { what: 'an API key', pattern: /\bsk-(?:proj|ant|svcacct)-[A-Za-z0-9_-]{24,}|\bsk-[A-Za-z0-9]{40,}|\b[sr]k_live_[A-Za-z0-9]{16,}/u },
  { what: 'a Google key', pattern: /\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}/u },
  { what: 'an npm token', pattern: /\bnpm_[A-Za-z0-9]{36}|_authToken\s*=\s*[^\s$]{8,}/u },
  { what: 'a PyPI token', pattern: /\bpypi-AgE[A-Za-z0-9_-]{16,}/u },
  { what: 'a signed web token', pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/u },
  { what: 'an address with a password', pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/?#@"'<>{}$]{1,100}:[^\s/?#@"'<>{}$]{3,200}@[A-Za-z0-9[]/iu },
];

/** What kind of secret a text shows, in words (`a private key`), or null. */
export function secretIn(text: string): string | null {
  return SHAPES.find(({ pattern }) => pattern.test(text))?.what ?? null;
}
