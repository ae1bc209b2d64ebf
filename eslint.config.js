import js from '@eslint/js';
import jsdoc from 'eslint-plugin-jsdoc';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import { defineConfig, globalIgnores } from 'eslint/config';
import ts from 'typescript-eslint';
import { fileName } from './eslint-rules/file-name.js';
import svelteConfig from './svelte.config.js';

const typescript = ['**/*.ts', '**/*.svelte'];

/** What would make the protocol core depend on when or where it runs. */
const impure = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
  'requestAnimationFrame',
  'console',
  'crypto',
  'fetch',
  'globalThis',
  'window',
  'self',
  'process',
  'Buffer',
  'require',
  'WeakRef',
  'FinalizationRegistry',
  'Atomics',
];

export default defineConfig(
  globalIgnores([
    'out',
    'dist',
    '.cache',
    'native/quic',
    'test/tooling/fixtures',
    'test-results',
    'playwright-report',
  ]),
  js.configs.recommended,
  ...ts.configs.strictTypeChecked,
  ...ts.configs.stylisticTypeChecked,
  ...svelte.configs.recommended,
  ...svelte.configs.prettier,
  {
    plugins: { conclave: { rules: { 'file-name': fileName } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { 'conclave/file-name': 'error', eqeqeq: 'error', 'no-console': 'error' },
  },
  {
    files: typescript,
    languageOptions: {
      parserOptions: {
        project: ['src/protocol/tsconfig.json', 'tsconfig.node.json', 'src/renderer/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.svelte'],
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/prefer-nullish-coalescing': [
        'error',
        { ignorePrimitives: { boolean: true, string: true } },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^\\.{1,2}/(?!.*\\.(ts|mjs|cjs|js|json|svelte|css|wasm|svg|png)(\\?.*)?$)',
              message: 'Relative imports name the file, with its extension.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['**/*.d.ts'],
    plugins: { jsdoc },
    settings: { jsdoc: { mode: 'typescript' } },
    rules: {
      'max-lines': ['error', 400],
      'jsdoc/require-jsdoc': [
        'error',
        {
          publicOnly: true,
          require: { FunctionDeclaration: true, ClassDeclaration: true },
          contexts: [
            'TSInterfaceDeclaration',
            'TSTypeAliasDeclaration',
            'ExportNamedDeclaration > VariableDeclaration',
          ],
          enableFixer: false,
        },
      ],
      'jsdoc/check-param-names': ['error', { checkDestructured: false, disableMissingParamChecks: true }],
      'jsdoc/check-tag-names': 'error',
      'jsdoc/no-types': 'error',
      'jsdoc/require-description': [
        'error',
        { contexts: ['any'], exemptedBy: ['see', 'param', 'returns', 'throws', 'internal'] },
      ],
    },
  },
  {
    // Each is one thing, which parts would only hide.
    files: ['src/protocol/moqt/{requests,publications}.ts'],
    rules: { 'max-lines': ['error', 600] },
  },
  {
    files: ['src/protocol/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...impure.map((name) => ({
          name,
          message: 'The protocol core is deterministic: take it as an argument.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Randomness is an argument of the protocol core.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: ':function[async=true]',
          message: 'The protocol core is synchronous: return effects, take results as inputs.',
        },
        {
          selector: 'AwaitExpression, ForOfStatement[await=true]',
          message: 'The protocol core does not wait.',
        },
        { selector: 'ImportExpression', message: 'The protocol core loads nothing later.' },
        {
          selector: 'ThrowStatement > NewExpression[callee.name=/^(Error|TypeError|RangeError)$/]',
          message:
            'Throw PeerViolation (naming the clause) or InvariantError; an expected outcome is a value.',
        },
        {
          selector: 'ThrowStatement > CallExpression[callee.name=/^(Error|TypeError|RangeError)$/]',
          message:
            'Throw PeerViolation (naming the clause) or InvariantError; an expected outcome is a value.',
        },
      ],
    },
  },
  {
    files: ['src/renderer/**/*.{ts,svelte}'],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: {
      'svelte/no-at-html-tags': 'error',
      // Runes are read where they are declared with let.
      'prefer-const': 'off',
      'svelte/prefer-const': ['error', { excludedRunes: ['$props', '$derived', '$state', '$bindable'] }],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-console': 'off',
    },
  },
  {
    // The services are command line programs: their log is standard output.
    files: ['src/services/**/*.ts', 'scripts/**', 'test/bench/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [ts.configs.disableTypeChecked],
    languageOptions: { globals: globals.node },
  },
  {
    files: ['**/*.cjs'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
);
