import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { follow } from './session';
import { App } from './views/app';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');
follow();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
