import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const eslint = new ESLint({ cwd: root });

/** Lints `code` as if it stood in `file`, which exists so that the type checker knows it. */
async function broken(code: string, file: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, file) });
  return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
}

const header = '/** A thing of the protocol. */\n';

describe('the protocol core', () => {
  const file = 'src/protocol/units.ts';

  test.each([
    ['the clock', 'export const a = () => Date.now();', 'no-restricted-globals'],
    ['a date', 'export const a = new Date(0);', 'no-restricted-globals'],
    ['performance', 'export const a = () => performance.now();', 'no-restricted-globals'],
    ['chance', 'export const a = () => Math.random();', 'no-restricted-properties'],
    ['a timer', 'export const a = () => setTimeout(() => undefined, 1);', 'no-restricted-globals'],
    ['an interval', 'export const a = () => setInterval(() => undefined, 1);', 'no-restricted-globals'],
    ['the console', "export const a = () => { console.log('x'); };", 'no-restricted-globals'],
    ['web crypto', 'export const a = () => crypto.randomUUID();', 'no-restricted-globals'],
    ['globalThis', 'export const a = () => globalThis;', 'no-restricted-globals'],
    ['Buffer', 'export const a = Buffer.alloc(1);', 'no-restricted-globals'],
    ['the network', "export const a = () => fetch('https://x');", 'no-restricted-globals'],
    [
      'an async function',
      'export async function a() { return await Promise.resolve(1); }',
      'no-restricted-syntax',
    ],
    ['an async arrow', 'export const a = async () => 1;', 'no-restricted-syntax'],
    ['an async method', 'export class A { async b() { return 1; } }', 'no-restricted-syntax'],
    ['top-level await', 'export const a = await 1;', 'no-restricted-syntax'],
    ['import()', "export const a = import('./errors.ts');", 'no-restricted-syntax'],
    ['a bare error', "export function a() { throw new Error('bad'); }", 'no-restricted-syntax'],
    ['a bare error without new', "export function a() { throw Error('bad'); }", 'no-restricted-syntax'],
    ['any', 'export const a = (b: any) => String(b);', '@typescript-eslint/no-explicit-any'],
    ['an undocumented export', 'export function a() { return 1; }', 'jsdoc/require-jsdoc', ''],
    ['an undocumented type', 'export interface A { b: 1 }', 'jsdoc/require-jsdoc', ''],
    [
      'a non-null assertion',
      'export const a = (b?: number) => b!;',
      '@typescript-eslint/no-non-null-assertion',
    ],
    ['an import without extension', "export * from './errors';", 'no-restricted-imports'],
    ['a long file', `export const a = 1;\n${'\n'.repeat(400)}`, 'max-lines'],
  ])('is refused %s', async (_what, code, rule, doc = header) => {
    expect(await broken(doc + code, file)).toContain(rule);
  });

  test('is allowed what it needs', async () => {
    const code = `${header}export function sum(values: readonly number[], now: number): number {
      return values.reduce((total, value) => total + value, Math.max(now, 0));
    }\n`;
    expect(await broken(code, file)).toEqual([]);
  });
});

describe('other code', () => {
  test('of the main process may wait and read the clock, but not float a promise', async () => {
    const file = firstFile('src/main', '.ts');
    expect(
      await broken(`${header}export const a = async () => await Promise.resolve(Date.now());\n`, file),
    ).toEqual([]);
    expect(await broken('Promise.resolve(1);\n', file)).toContain('@typescript-eslint/no-floating-promises');
  });

  test('in a Svelte component is checked with its types', async () => {
    const file = firstFile('src/renderer', '.svelte');
    const script = (code: string) => `<script lang="ts">\n${code}\n</script>\n`;
    expect(await broken(script('Promise.resolve(1);'), file)).toContain(
      '@typescript-eslint/no-floating-promises',
    );
    expect(await broken(script("const a: any = '';"), file)).toContain('@typescript-eslint/no-explicit-any');
    expect(await broken(`${script("const a = '<b>';")}{@html a}\n`, file)).toContain(
      'svelte/no-at-html-tags',
    );
  });

  test('is named after what it holds', async () => {
    const rule = 'conclave/file-name';
    for (const name of ['utils.mjs', 'byte-helpers.mjs', 'camelCase.mjs', 'PascalCase.mjs']) {
      expect(await broken('export const a = 1;\n', `scripts/${name}`), name).toContain(rule);
    }
    expect(await broken('export const a = 1;\n', 'scripts/electron-runtime.mjs')).not.toContain(rule);
  });
});

function firstFile(folder: string, ending: string): string {
  const found = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !name.endsWith('.d.ts'))
    .sort()[0];
  if (found === undefined) throw new Error(`no ${ending} in ${folder}`);
  return join(folder, found);
}
