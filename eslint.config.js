// What needs no types, of TypeScript, and everything of components and scripts; the rest is in `.oxlintrc.json`.
import js from '@eslint/js';
import jsdoc from 'eslint-plugin-jsdoc';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import { defineConfig, globalIgnores } from 'eslint/config';
import ts from 'typescript-eslint';
import { fileName } from './eslint-rules/file-name.js';
import svelteConfig from './svelte.config.js';

/** With the runes of Svelte, which oxlint does not read well enough: it finds no floating promise in a component. */
const components = ['**/*.svelte', '**/*.svelte.ts'];
const scripts = ['**/*.{js,mjs,cjs}'];

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
  {
    plugins: { conclave: { rules: { 'file-name': fileName } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { 'conclave/file-name': 'error' },
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parser: ts.parser },
    rules: { 'no-useless-assignment': 'error' },
  },
  {
    files: ['**/*.ts', '**/*.svelte'],
    rules: {
      // oxlint's has no look-ahead.
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
    files: scripts,
    extends: [
      js.configs.recommended,
      ts.configs.strictTypeChecked,
      ts.configs.stylisticTypeChecked,
      ts.configs.disableTypeChecked,
    ],
    languageOptions: { globals: globals.node },
    rules: { eqeqeq: 'error', 'no-console': 'error' },
  },
  {
    files: ['**/*.cjs'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    files: ['scripts/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: components,
    extends: [
      js.configs.recommended,
      ts.configs.strictTypeChecked,
      ts.configs.stylisticTypeChecked,
      svelte.configs.recommended,
      svelte.configs.prettier,
    ],
    languageOptions: {
      globals: globals.browser,
      parserOptions: {
        parser: ts.parser,
        project: 'src/renderer/tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.svelte'],
        svelteConfig,
      },
    },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
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
      'svelte/no-at-html-tags': 'error',
      // Runes are read where they are declared with let.
      'prefer-const': 'off',
      'svelte/prefer-const': ['error', { excludedRunes: ['$props', '$derived', '$state', '$bindable'] }],
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
    files: ['src/protocol/moqt/{requests,publications}.ts', 'src/protocol/meeting/meeting.ts'],
    rules: { 'max-lines': ['error', 600] },
  },
  {
    files: ['src/protocol/**/*.ts'],
    rules: {
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
);
