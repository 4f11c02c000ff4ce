/** The page behind the link that clients print after a run. Its address names the run after `#`, which only the page itself sees. */
import { createHash } from 'node:crypto';

const STYLE = 'body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem;color:#1a1d21;background:#fff}code{font-family:ui-monospace,monospace;user-select:all}@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#16181b}}';

const SCRIPT = "const m=/\\/runs\\/([\\w.-]+)/.exec(location.hash);if(m){document.getElementById('run').textContent=m[1];document.getElementById('known').hidden=false}";

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export const RUN_PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
} as const;

export const RUN_PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Reprise</title><style>${STYLE}</style></head>
<body>
<h1>This run is in Reprise</h1>
<p>Open Reprise and look for it in the list of runs.</p>
<p id="known" hidden>Its id is <code id="run"></code>. The command line shows it with <code>reprise runs</code>.</p>
<script>${SCRIPT}</script>
</body>
</html>
`;
