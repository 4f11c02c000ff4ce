/** Puts the page on the screen; main.tsx loads it. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './frame/app';
import { follow } from './state/live';
import { styleNonce } from './theme/mantine';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');
// Where react-remove-scroll (under Mantine's dialogs) looks for the nonce of its style element.
Object.assign(window, { __webpack_nonce__: styleNonce() });
follow();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
