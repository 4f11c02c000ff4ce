/** The version in package.json, put in by vite.config.ts and vitest.config.ts. */
declare const __REPRISE_VERSION__: string;

declare module '*.css';

/** The text of a file. */
declare module '*?raw' {
  const text: string;
  export default text;
}
