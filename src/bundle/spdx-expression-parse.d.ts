declare module 'spdx-expression-parse' {
  /** Parses an SPDX licence expression of listed names; throws where it is none. */
  export default function parse(expression: string): unknown;
}
