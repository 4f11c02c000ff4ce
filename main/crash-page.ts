/** The page that stands in where the window's page cannot live: it needs nothing that may be broken. */

const HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <meta name="color-scheme" content="light dark" />
    <title>Reprise</title>
    <link rel="stylesheet" href="./crash.css" />
  </head>
  <body>
    <main aria-labelledby="title">
      <h1 id="title">This window stopped working</h1>
      <p>Runs go on, and nothing that was saved is lost. Load the window again; where that does not help, the log says more.</p>
      <p class="actions">
        <a class="primary" href="./index.html" autofocus>Reload</a>
        <button id="logs" type="button">Show logs</button>
      </p>
      <p id="problem" role="status"></p>
    </main>
    <script src="./crash.js"></script>
  </body>
</html>
`;

const CSS = `:root { color-scheme: light dark; --surface: #ffffff; --text: #1b1c1e; --quiet: #5a5d63; --line: #8a8d93; --accent: #1f5fbf; --on-accent: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --surface: #18191b; --text: #e8e9eb; --quiet: #a6a9b0; --line: #74777e; --accent: #8ab4f8; --on-accent: #10131a; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--surface); color: var(--text); font: 14px/1.5 system-ui, sans-serif; }
main { max-width: 28rem; padding: 24px; }
h1 { margin: 0 0 8px; font-size: 20px; font-weight: 600; line-height: 1.3; }
p { margin: 0 0 16px; color: var(--quiet); }
.actions { display: flex; gap: 8px; }
a, button { font: inherit; min-height: 32px; padding: 5px 12px; border: 1px solid var(--line); border-radius: 6px; background: none; color: var(--text); text-decoration: none; cursor: default; }
.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
`;

const SCRIPT = `document.querySelector('#logs').addEventListener('click', async () => {
  const result = await window.reprise.showLogs();
  document.querySelector('#problem').textContent = result.ok ? '' : result.error.message;
});
`;

/** By file name. */
export const crashPageFiles: ReadonlyMap<string, string> = new Map([
  ['crash.html', HTML],
  ['crash.css', CSS],
  ['crash.js', SCRIPT],
]);
