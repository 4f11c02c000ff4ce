/** The page's entry: what must hold before any other module is evaluated. */
import { config } from 'zod';
import './theme/theme.css';
import './theme/base.css';

// zod would compile its checks with `new Function`, and finds out whether it may when the first schema is made; the
// content security policy refuses even the question, aloud.
config({ jitless: true });
await import('./start');
