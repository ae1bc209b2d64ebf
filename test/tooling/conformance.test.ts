/**
 * `docs/conformance.md` names code and tests; this holds it to them, so that a table cannot rot.
 *
 * A table counts whose head is `| Clause | Asks | Status | Code | Test |`. Code is named as `` `file#symbol` `` or as a
 * whole file; a test as `` `file` "title" ``, where titles belong to the file before them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const table = join(root, 'docs/conformance.md');

const HEAD = '| Clause | Asks | Status | Code | Test |';
/** What each status needs in its row. */
const STATUS = /^(met|untested|differs|open|n\/a)(?:: (.+))?$/;

const known = new Map<string, ReadonlySet<string>>();

/** What a TypeScript file declares: `name`, and `Owner.name` for members. */
function symbolsIn(file: string): ReadonlySet<string> {
  const before = known.get(file);
  if (before !== undefined) return before;
  const symbols = new Set<string>();
  const visit = (node: ts.Node, owner: string | undefined): void => {
    const name = nameOf(node);
    if (name !== undefined) symbols.add(owner === undefined ? name : `${owner}.${name}`);
    const inner = name !== undefined && mayOwn(node) ? name : owner;
    ts.forEachChild(node, (child) => {
      visit(child, inner);
    });
  };
  visit(ts.createSourceFile(file, textOf(file), ts.ScriptTarget.Latest), undefined);
  known.set(file, symbols);
  return symbols;
}

function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Whether a text stands in a file as a literal. */
function says(file: string, text: string): boolean {
  const source = textOf(file);
  return [`'${text}'`, `"${text}"`, `\`${text}\``].some((literal) => source.includes(literal));
}

/** Classes, interfaces and constants own what is declared inside them. */
function mayOwn(node: ts.Node): boolean {
  return ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isVariableDeclaration(node);
}

function nameOf(node: ts.Node): string | undefined {
  const isNamed =
    ts.isFunctionDeclaration(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isGetAccessor(node) ||
    ts.isPropertyAssignment(node) ||
    mayOwn(node);
  if (!isNamed) return undefined;
  const { name } = node as ts.NamedDeclaration;
  return name !== undefined && 'text' in name ? name.text.replace(/^#/, '') : undefined;
}

/** Says what is wrong with a cell that names code; no text: nothing. */
function* wrongCode(cell: string): Generator<string> {
  for (const [, file = '', symbol] of cell.matchAll(/`([^`#]+)(?:#([^`]+))?`/g)) {
    if (!existsSync(join(root, file))) yield `there is no ${file}`;
    else if (symbol === undefined) continue;
    else if (file.endsWith('.ts')) {
      if (!symbolsIn(file).has(symbol)) yield `${file} does not declare ${symbol}`;
    } else if (!textOf(file).includes(symbol)) {
      yield `${file} does not say ${symbol}`;
    }
  }
}

/** Says what is wrong with a cell that names tests. */
function* wrongTests(cell: string): Generator<string> {
  let file: string | undefined;
  for (const [, path, title = ''] of cell.matchAll(/`([^`]+)`|"([^"]+)"/g)) {
    if (path !== undefined) {
      file = existsSync(join(root, path)) ? path : undefined;
      if (file === undefined) yield `there is no ${path}`;
    } else if (file === undefined) {
      yield `"${title}" stands behind no file`;
    } else if (!says(file, title)) {
      yield `${file} has no test "${title}"`;
    }
  }
}

/** Says what is wrong with one row. */
function* wrongRow(row: string): Generator<string> {
  const cells = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
  if (cells.length !== 7) {
    yield `${String(cells.length - 2)} cells instead of 5`;
    return;
  }
  const [, , , status = '', code = '', tests = ''] = cells;
  const [, word, why] = STATUS.exec(status) ?? [];
  const namesCode = code.includes('`');
  const namesTest = tests.includes('"');
  if (word === undefined) yield `the status is "${status}"`;
  if (word === 'met' && !(namesCode && namesTest)) yield 'met, without code and test';
  if (word === 'untested' && (!namesCode || namesTest)) yield 'untested, but without code or with a test';
  if (word !== undefined && !/^(met|untested)$/.test(word) && why === undefined)
    yield `${word}, without a reason`;
  yield* wrongCode(code);
  yield* wrongTests(tests);
}

/** What is wrong with the tables of a document, a line each. */
function wrongIn(markdown: string): string[] {
  const wrong: string[] = [];
  let inTable = false;
  markdown.split('\n').forEach((line, at) => {
    if (!line.startsWith('|')) inTable = false;
    else if (line === HEAD) inTable = true;
    else if (inTable && !line.startsWith('| ---'))
      for (const what of wrongRow(line)) wrong.push(`line ${String(at + 1)}: ${what}`);
  });
  return wrong;
}

describe('the table of conformance', () => {
  const markdown = readFileSync(table, 'utf8');

  // It parses some hundred files, which takes long when the machine is busy.
  test('names code and tests that exist', () => {
    expect(wrongIn(markdown)).toEqual([]);
  });

  test('has a row for each draft that it is about', () => {
    const rows = markdown.split('\n').filter((line) => /^\| [a-z]+[-\d]*[ #]/.test(line));
    for (const draft of ['jennings', 'so', 'moqt', 'rfc9420', 'loc', 'msf']) {
      expect(rows.filter((row) => row.startsWith(`| ${draft} `)).length, draft).toBeGreaterThan(5);
    }
  });

  const good = '`src/protocol/secure-objects/nonce.ts#formNonce`';
  const titled = '`test/protocol/secure-objects/vectors.test.ts` "seals to the same bytes and opens them"';

  test.each([
    ['a file that is gone', `| c | a | met | \`src/protocol/gone.ts\` | ${titled} |`, 'there is no'],
    [
      'a symbol that is gone',
      `| c | a | met | ${good.replace('form', 'make')} | ${titled} |`,
      'does not declare',
    ],
    [
      'a title that is gone',
      `| c | a | met | ${good} | ${titled.replace('seals', 'sells')} |`,
      'has no test',
    ],
    ['met without a test', `| c | a | met | ${good} | |`, 'without code and test'],
    ['untested with a test', `| c | a | untested | ${good} | ${titled} |`, 'with a test'],
    ['a difference without a reason', '| c | a | differs | | |', 'without a reason'],
    ['another status', '| c | a | done | | |', 'the status is'],
    ['a cell too few', '| c | a | met | |', '4 cells'],
  ])('would not pass with %s', (_, row, what) => {
    expect(wrongIn(`${HEAD}\n| --- | --- | --- | --- | --- |\n${row}`)).toEqual([
      expect.stringContaining(what),
    ]);
  });
});

/** Tests that a text names and that are not there: each `` `test/…` `` as a file, each "…" as part of a title in the one before. */
function danglingIn(markdown: string): string[] {
  const wrong: string[] = [];
  let file = '';
  for (const [, path, title] of markdown.matchAll(/`(test\/[^`]+)`|"([^"]+)"/g)) {
    if (path !== undefined) file = path;
    const isThere = existsSync(join(root, file)) && (title === undefined || textOf(file).includes(title));
    if (!isThere) wrong.push(`${file} "${title ?? ''}"`);
  }
  return wrong;
}

test('limits.md names tests that exist', () => {
  expect(danglingIn(readFileSync(join(root, 'docs/limits.md'), 'utf8'))).toEqual([]);
});

describe('the claims of security.md', () => {
  const markdown = readFileSync(join(root, 'docs/security.md'), 'utf8');
  const how = markdown.slice(markdown.indexOf('## How'), markdown.indexOf('## Limits'));

  test('name tests that exist', () => {
    expect(danglingIn(markdown)).toEqual([]);
  });

  const paragraphs = how.split('\n\n').flatMap((text) => {
    const name = /^\*\*(.+?)\*\*/.exec(text)?.[1];
    return name === undefined ? [] : [[name, text] as const];
  });

  test.each(paragraphs)('name tests: %s', (_, paragraph) => {
    expect(paragraph).toMatch(/`test\/[^`]+\.(?:test|spec)\.ts`/);
  });
});

describe('links of the documents', () => {
  test.each(['conformance.md', 'protocol.md', 'dependencies.md', 'security.md', 'architecture.md'])(
    '%s',
    (document) => {
      const path = join(root, 'docs', document);
      const text = readFileSync(path, 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        if (/^https?:/.test(target)) continue;
        expect(existsSync(join(dirname(path), target)), `${relative(root, path)} → ${target}`).toBe(true);
      }
    },
  );
});
