/** The page's entry: puts the window on the screen. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './theme/theme.css';
import './theme/base.css';
import { App } from './frame/app';
import { follow } from './state/live';
import { styleNonce } from './theme/mantine';
import { askForOpening } from './views/experiments/opening';

// zod, which comes with some views, would find out whether it may compile its checks with `new Function`; the content
// security policy refuses even the question, aloud. This is where zod keeps what `config()` sets.
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } });
// Where react-remove-scroll (under Mantine's dialogs) looks for the nonce of its style element.
Object.assign(window, { __webpack_nonce__: styleNonce() });

/** So long the page waits for what it shows first: what is rendered with its rows is not rendered again. */
const PATIENCE_MS = 250;

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');
follow();
const begin = (): void =>
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
void Promise.race([askForOpening(), new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]).then(begin);
