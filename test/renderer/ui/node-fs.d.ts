/** The one function of Node that a test of style sheets needs; Vitest gives imported style sheets as empty text. */
declare module 'node:fs' {
  export function readFileSync(path: URL, encoding: 'utf8'): string;
}
