/** The version in package.json, put in by vite.config.ts and vitest.config.ts. */
declare const __REPRISE_VERSION__: string;

declare module '*.css';
