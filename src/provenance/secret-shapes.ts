/** Secrets that show themselves by their shape, as their issuers document it. */

export interface Shape {
  /** In words, with its article: `a private key`. */
  readonly what: string;
  /** Global; the group `secret` is what must go, the whole match where there is none. */
  readonly pattern: RegExp;
}

/** Each is distinctive enough to be no ordinary word of a program. */
export const SHAPES: readonly Shape[] = [
  // To its end, or to the end of the text where that is cut off.
  { what: 'a private key', pattern: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\+[nr])+(?:[\w-]+: [^\n]*\s+)*[A-Za-z0-9+/=]{8,}[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|$(?![\s\S]))/gu },
  { what: 'a private key', pattern: /PuTTY-User-Key-File-\d[\s\S]*/gu },
  // The same in base64, as kubeconfig has it; certificates and public keys begin otherwise.
  { what: 'a private key', pattern: /\bLS0tLS1CRUdJTi(?:BSU0E|BQUklWQVRF|BFQy|BPUEVOU1NI|BFTkNSWVBURU|BEU0E)[A-Za-z0-9+/=]{20,}|\bAGE-SECRET-KEY-1[0-9A-Z]{50,}/gu },
  { what: 'a private key', pattern: /\bclient-key-data["']?\s*:\s*["']?(?<secret>[A-Za-z0-9+/=]{40,})/gu },
  // The address that a command's program is given: MLflow's clients print it when a run ends.
  { what: 'a tracking token', pattern: /\bhttp:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5}\/(?<secret>[\w-]{43})(?![\w-])/gu },
  { what: 'an AWS key', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/gu },
  { what: 'an AWS key', pattern: /aws_?(?:secret_?access_?key|session_?token)\\?["']?\s*[=:]\s*\\?["']?(?<secret>[A-Za-z0-9/+=]{40,})/giu },
  { what: 'a GitHub token', pattern: /\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{40,}/gu },
  { what: 'a GitLab token', pattern: /\bgl(?:pat|ptt|rt|dt|cbt|oas)-[A-Za-z0-9_-]{20,}/gu },
  { what: 'a Slack token', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{20,}|hooks\.slack\.com\/services\/T[A-Z0-9]+\/[A-Za-z0-9/]+/gu },
  { what: 'a Discord address', pattern: /discord(?:app)?\.com\/api\/webhooks\/\d+\/[\w-]{20,}/gu },
  { what: 'a Telegram token', pattern: /\b\d{8,10}:AA[\w-]{33}(?![\w-])/gu },
  { what: 'a Hugging Face token', pattern: /\b(?:hf|api_org)_[A-Za-z0-9]{30,}/gu },
  { what: 'an API key', pattern: /\bsk-(?:proj|ant|svcacct|admin|or|lf)-[A-Za-z0-9_-]{24,}|\bsk-[A-Za-z0-9]{40,}|\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}/gu },
  { what: 'an API key', pattern: /\bgsk_[A-Za-z0-9]{40,}|\br8_[A-Za-z0-9]{37,}|\bxai-[A-Za-z0-9]{60,}|\bpplx-[A-Za-z0-9]{40,}|\blin_api_[A-Za-z0-9]{32,}|\bntn_[A-Za-z0-9]{40,}|\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}|\bnvapi-[A-Za-z0-9_-]{40,}|\blsv2_(?:pt|sk)_[a-f0-9_]{32,}/gu },
  { what: 'an API key', pattern: /\bSG\.[\w-]{20,24}\.[\w-]{39,50}|\bkey-[0-9a-f]{32}\b|\bSK[0-9a-f]{32}\b|\bdop_v1_[0-9a-f]{64}|\bdapi[0-9a-f]{32}\b|\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|\bglsa_[A-Za-z0-9]{32}_[0-9a-f]{8}/gu },
  { what: 'a Weights & Biases key', pattern: /\bwandb_v\d_[A-Za-z0-9_]{40,}|\bwandb[\s\S]{0,20}?(?:login|key)[^\n]{0,30}?["' =:](?<secret>[0-9a-f]{40})\b/gu },
  { what: 'a Vault token', pattern: /\bhv[sbr]\.[\w-]{24,}/gu },
  { what: 'a Google key', pattern: /\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[\w-]{20,}/gu },
  { what: 'an npm token', pattern: /\bnpm_[A-Za-z0-9]{36}|(?<![\w.-])_(?:authToken|auth|password)\s*=\s*["']?(?<secret>[^\s$"']{8,})/gu },
  { what: 'a PyPI token', pattern: /\bpypi-AgE[A-Za-z0-9_-]{16,}/gu },
  // Tried once for each word, and only where the next begins as a payload does: `eyJ-eyJ-…` would else be read to its end from each of its parts.
  { what: 'a signed web token', pattern: /(?<![\w-])(?=[\w-]+\.eyJ[\w-]{10,}\.[\w-]{10})[\w-]*?\b(?<secret>eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})/gu },
  { what: 'an authorization header', pattern: /\b(?:Bearer|Basic)\s+(?<secret>(?=[^\s"']*\d)[A-Za-z0-9._~+/=-]{16,})/gu },
  { what: 'an authorization header', pattern: /\b(?:Proxy-)?Authorization\\?["']?\s*[:=]\s*\\?["']?(?:(?:Bearer|Basic|Token|token|ApiKey|Digest)\s+)?(?<secret>(?=[^\s"'\\]*\d)[A-Za-z0-9._~+/=-]{12,})/gu },
  { what: 'a registry login', pattern: /"auth"\s*:\s*"(?<secret>[A-Za-z0-9+/]{12,}={0,2})"/gu },
  { what: 'a password', pattern: /\bmachine\s+\S+\s+(?:login\s+\S+\s+)?password\s+(?<secret>\S+)/gu },
  { what: 'an API key', pattern: /"username"\s*:\s*"[^"\n]{1,100}"\s*,\s*"key"\s*:\s*"(?<secret>[0-9a-f]{32})"/gu },
  // The user name may be missing (`redis://:password@host`); what stands in braces is filled in later.
  { what: 'an address with a password', pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/?#@"'<>{}$\\]{0,100}:(?<secret>[^\s/?#@"'<>{}$\\]{3,200})@[A-Za-z0-9[]/giu },
  { what: 'an address with a token', pattern: /\bhttps?:\/\/(?<secret>(?=[^\s:/?#@"']*\d)[A-Za-z0-9_-]{20,200})@[A-Za-z0-9[]/gu },
  { what: 'an address with a signature', pattern: /[?&](?:sig|signature|X-Amz-Signature|X-Goog-Signature)=(?<secret>[A-Za-z0-9%+/=_-]{20,})/giu },
  { what: 'an account key', pattern: /\b(?:AccountKey|SharedAccessKey)=(?<secret>[A-Za-z0-9+/]{20,}={0,2})/gu },
];
