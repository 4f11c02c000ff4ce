import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './frame/app';
import { follow } from './state/live';
import './theme/theme.css';
import './theme/base.css';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');
follow();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
