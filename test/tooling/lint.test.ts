import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import js from '@eslint/js';
import ts from 'typescript-eslint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const header = '/** A thing of the protocol. */\n';

interface Sample {
  readonly file: string;
  readonly code: string;
  /** The rule that finds it; none, and nothing may be found. */
  readonly rule?: string;
}

/** Code that the protocol core must not hold, and the rule that finds it. */
const impure: [what: string, code: string, rule: string][] = [
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
  ['a global of Node, to the compiler', 'export const a = process.pid;', 'TS2591'],
  [
    'async function',
    'export async function a() { return await Promise.resolve(1); }',
    'no-restricted-syntax',
  ],
  ['async arrow', 'export const a = async () => 1;', 'no-restricted-syntax'],
  ['async method', 'export class A { async b() { return 1; } }', 'no-restricted-syntax'],
  ['top-level await', 'export const a = await 1;', 'no-restricted-syntax'],
  ['import()', "export const a = import('./neighbour.ts');", 'no-restricted-syntax'],
  ['a bare error', "export function a() { throw new Error('bad'); }", 'no-restricted-syntax'],
  ['a bare error without new', "export function a() { throw Error('bad'); }", 'no-restricted-syntax'],
];

/** Code that no TypeScript outside components may hold. */
const bad: [what: string, code: string, rule: string][] = [
  ['a type error', "export const a: number = 'a';", 'TS2322'],
  ['any', 'export const a = (b: any) => String(b);', 'no-explicit-any'],
  ['an unsafe assignment', "export const a: string = JSON.parse('1');", 'no-unsafe-assignment'],
  ['an unsafe argument', "export const a = encodeURI(JSON.parse('1'));", 'no-unsafe-argument'],
  ['an unsafe call', "export const a = () => { JSON.parse('1')(); };", 'no-unsafe-call'],
  ['an unsafe member', "export const a = (): unknown => JSON.parse('1').b;", 'no-unsafe-member-access'],
  ['an unsafe return', "export const a = (): string => JSON.parse('1');", 'no-unsafe-return'],
  ['an unused variable', 'const a = 1;', 'no-unused-vars'],
  ['a non-null assertion', 'export const a = (b?: number) => b!;', 'no-non-null-assertion'],
  ['a needless condition', "export const a = (b: object) => b ?? 'c';", 'no-unnecessary-condition'],
  ['a chain of conditions', 'export const a = (b?: { c: string }) => b && b.c;', 'prefer-optional-chain'],
  [
    'a switch that misses a case',
    "export const a = (b: 'c' | 'd') => { switch (b) { case 'c': return 1; } return 2; };",
    'switch-exhaustiveness-check',
  ],
  ['a needless assertion', "export const a = 'a' as string as string;", 'no-unnecessary-type-assertion'],
  ['an object in a text', 'export const a = (b: object) => `${b}`;', 'restrict-template-expressions'],
  ['loose equality', 'export const a = (b: unknown) => b == 1;', 'eqeqeq'],
  ['var', 'export var a = 1;', 'no-var'],
  [
    'a useless assignment',
    'export const a = () => { let b = 1; b = 2; return b; };',
    'no-useless-assignment',
  ],
  [
    'a type imported as a value',
    "import { A } from './neighbour.ts';\nexport const a = (b: A) => b;",
    'consistent-type-imports',
  ],
  ['an import without extension', "export * from './neighbour';", 'no-restricted-imports'],
  ['an undocumented function', 'export function a() { return 1; }', 'require-jsdoc'],
  ['an undocumented class', 'export class A { #b = 1; c() { return this.#b; } }', 'require-jsdoc'],
  ['an undocumented type', 'export interface A { b: 1 }', 'require-jsdoc'],
  [
    'a wrong parameter in a docstring',
    '/**\n * It.\n * @param c - not there\n */\nexport function a(b: 1) { return b; }',
    'check-param-names',
  ],
  ['an unknown tag', '/**\n * It.\n * @nonsense\n */\nexport function a() { return 1; }', 'check-tag-names'],
  ['an empty docstring', '/** */\nexport function a() { return 1; }', 'require-description'],
  [
    'a type in a docstring',
    '/**\n * It.\n * @param {number} b - it\n */\nexport function a(b: number) { return b; }',
    'no-types',
  ],
  ['a long file', `export const a = 1;\n${'\n'.repeat(400)}`, 'max-lines'],
];

/** What waits, where waiting is allowed. */
const floating: [what: string, code: string, rule: string][] = [
  ['a floating promise', 'Promise.resolve(1);', 'no-floating-promises'],
  ['a promise as a condition', 'export const a = () => (Promise.resolve(1) ? 1 : 2);', 'no-misused-promises'],
  [
    'a promise where nothing is awaited',
    '[1].forEach(async () => { await Promise.resolve(); });',
    'no-misused-promises',
  ],
  ['an await of no promise', 'export const a = async () => await 1;', 'await-thenable'],
  ['an async function that does not wait', 'export const a = async () => { return 1; };', 'require-await'],
  ['something thrown that is no error', "export const a = () => { throw 'b'; };", 'only-throw-error'],
  ['something deprecated', "export const a = escape('b');", 'no-deprecated'],
];

const script = (code: string) => `<script lang="ts">\n${code}\n</script>\n`;
const component: [what: string, code: string, rule: string][] = [
  ['a floating promise', script('Promise.resolve(1);'), 'no-floating-promises'],
  [
    'a promise as a handler',
    `${script('async function go() { await Promise.resolve(); }')}<button onclick={() => { go(); }}>Go</button>\n`,
    'no-floating-promises',
  ],
  ['any', script("const a: any = '';"), 'no-explicit-any'],
  ['an unsafe assignment', script("export const a: string = JSON.parse('1');"), 'no-unsafe-assignment'],
  ['raw HTML', `${script("const a = '<b>';")}{@html a}\n`, 'no-at-html-tags'],
  [
    'an import without extension',
    script("import { A } from './neighbour';\nnew A();"),
    'no-restricted-imports',
  ],
];

const names = ['utils.mjs', 'byte-helpers.mjs', 'camelCase.mjs', 'PascalCase.mjs'];

const samples: Sample[] = [
  ...impure.map(([, code, rule], at) => ({
    file: `src/protocol/impure-${at}.ts`,
    code: header + code,
    rule,
  })),
  ...bad.flatMap(([, code, rule], at) => [
    { file: `src/protocol/bad-${at}.ts`, code, rule },
    { file: `src/main/bad-${at}.ts`, code, rule },
    { file: `src/renderer/bad-${at}.ts`, code, rule },
  ]),
  ...floating.flatMap(([, code, rule], at) => [
    { file: `src/main/floating-${at}.ts`, code, rule },
    { file: `src/renderer/floating-${at}.ts`, code, rule },
    { file: `src/renderer/floating-${at}.svelte.ts`, code, rule },
    { file: `test/io/floating-${at}.ts`, code, rule },
    { file: `test/renderer/floating-${at}.ts`, code, rule },
  ]),
  ...component.map(([, code, rule], at) => ({ file: `src/renderer/Bad${at}.svelte`, code, rule })),
  ...names.map((name) => ({ file: `scripts/${name}`, code: 'export const a = 1;\n', rule: 'file-name' })),
  {
    file: 'src/protocol/good.ts',
    code: `${header}export function sum(values: readonly number[], now: number): number {
      return values.reduce((total, value) => total + value, Math.max(now, 0));
    }\n`,
  },
  {
    file: 'src/main/good.ts',
    code: `${header}export const a = async () => await Promise.resolve(Date.now());\n`,
  },
  { file: 'src/renderer/Good.svelte', code: script('let a = $state(1);') + '<p>{a}</p>\n' },
  { file: 'scripts/electron-runtime.mjs', code: 'export const a = 1;\n' },
];

const neighbours = ['src/protocol', 'src/main', 'src/renderer'].map((folder) => ({
  file: `${folder}/neighbour.ts`,
  code: '/** A class. */\nexport class A {\n  readonly #b = 1;\n  /** It. */\n  get b(): number {\n    return this.#b;\n  }\n}\n',
}));

describe('of oxlint and ESLint, with the configuration of this repository,', () => {
  let tree = '';
  const found = new Map<string, string[]>();

  beforeAll(async () => {
    tree = await realpath(await mkdtemp(join(tmpdir(), 'conclave-lint-')));
    const copied = ['.oxlintrc.json', 'eslint.config.js', 'eslint-rules', 'svelte.config.js', 'package.json'];
    const configs = [
      'tsconfig.json',
      'tsconfig.base.json',
      'tsconfig.node.json',
      'src/protocol/tsconfig.json',
      'src/renderer/tsconfig.json',
    ];
    for (const name of [...copied, ...configs])
      await cp(join(root, name), join(tree, name), { recursive: true });
    await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
    for (const { file, code } of [...samples, ...neighbours]) {
      await mkdir(join(tree, dirname(file)), { recursive: true });
      await writeFile(join(tree, file), code);
    }
    for (const part of [await oxlint(), await eslint()]) {
      for (const [file, rules] of part) found.set(file, [...(found.get(file) ?? []), ...rules]);
    }
  });

  afterAll(() => rm(tree, { recursive: true, force: true }));

  test.each(samples.filter(({ rule }) => rule !== undefined))('$rule is found in $file', ({ file, rule }) => {
    expect(found.get(file)).toContain(rule);
  });

  test.each(samples.filter(({ rule }) => rule === undefined))('nothing is found in $file', ({ file }) => {
    expect(found.get(file) ?? []).toEqual([]);
  });

  /** Rule names by file; of the compiler, its codes. */
  async function oxlint(): Promise<Map<string, string[]>> {
    const { diagnostics } = JSON.parse(await output('oxlint', ['-f', 'json'])) as {
      diagnostics: { filename: string; code: string }[];
    };
    const byFile = new Map<string, string[]>();
    for (const { filename, code } of diagnostics) {
      const rule = /\((.+)\)$/.exec(code)?.[1] ?? code;
      byFile.set(filename, [...(byFile.get(filename) ?? []), rule]);
    }
    return byFile;
  }

  async function eslint(): Promise<Map<string, string[]>> {
    const results = JSON.parse(await output('eslint', ['.', '-f', 'json'])) as {
      filePath: string;
      messages: { ruleId: string | null; message: string }[];
    }[];
    return new Map(
      results.map(({ filePath, messages }) => [
        relative(tree, filePath),
        messages.map(({ ruleId, message }) => (ruleId === null ? message : bare(ruleId))),
      ]),
    );
  }

  /** Both exit with a failure when they find something, which is what we are after. */
  async function output(program: string, args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin', program), args, {
      cwd: tree,
      maxBuffer: 1 << 26,
    }).catch((failure: unknown) => failure as { stdout: string });
    return stdout;
  }
});

test('Every recommended rule is asked for, by one or the other', async () => {
  const missing = [
    // All classes but errors have private fields: then the compiler itself tells an instance from a thing of its shape.
    'no-unsafe-class-instance-assignment',
    // A syntax error in modules.
    'no-octal',
    // Interfaces and types are both in use.
    'consistent-type-definitions',
  ];
  const { rules } = JSON.parse(await readFile(join(root, '.oxlintrc.json'), 'utf8')) as { rules: object };
  const asked = new Set([...Object.keys(rules).map(bare), 'no-useless-assignment']);
  const recommended = [
    js.configs.recommended,
    ...ts.configs.strictTypeChecked,
    ...ts.configs.stylisticTypeChecked,
  ];
  const levels = new Map(recommended.flatMap((config) => Object.entries(config.rules ?? {})));
  const wanted = [...levels]
    .filter(([, level]) => level !== 'off' && level !== 0)
    .map(([name]) => bare(name));
  expect(wanted.filter((name) => !asked.has(name)).sort()).toEqual(missing.sort());
});

/** A rule's name without that of its plugin: oxlint and ESLint name plugins differently. */
function bare(rule: string): string {
  return rule.split('/').at(-1) ?? rule;
}
