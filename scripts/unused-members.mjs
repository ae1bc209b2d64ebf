// @ts-check
/**
 * Finds methods, fields and accessors of classes, and methods of interfaces, under `src` that nothing outside them uses: knip
 * looks at exports, not inside them. (Fields of interfaces are left out: records are read by JSON, libraries and the network.)
 *
 *   node scripts/unused-members.mjs [FOLDER]     a folder with `src`, and its other users beside it
 *
 * A member counts as used when an access resolves to it, or to the member of that name of a type that its class or
 * interface can stand for, or is asked for by a type of a library. In components every word counts, so that they need no compiling.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { root } from './process.mjs';

/** Called by Node, Electron or a browser by its name. */
const calledByPlatform = new Set(['toJSON', 'toString', 'then', 'constructor', 'process']);

/**
 * @typedef {ts.ClassLikeDeclaration | ts.InterfaceDeclaration} Owner
 * @typedef {{member: ts.ClassElement | ts.TypeElement, owner: Owner, name: string}} Candidate
 */

/**
 * @param {string} folder
 * @returns {string[]} one line for each unused member: `FILE:LINE OWNER.MEMBER`
 */
export function unusedMembers(folder) {
  const files = ['src', 'test', 'scripts'].flatMap((name) => filesIn(join(folder, name)));
  const program = ts.createProgram(
    files.filter((name) => /\.m?[jt]s$/.test(name)),
    {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      allowImportingTsExtensions: true,
      allowJs: true,
      noEmit: true,
      strict: true,
      resolveJsonModule: true,
      skipLibCheck: true,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
      types: ['node', 'svelte', 'vite/client', 'trusted-types'],
    },
  );
  const checker = program.getTypeChecker();
  const sources = program.getSourceFiles().filter((file) => files.includes(resolve(file.fileName)));

  /** @type {Map<string, Candidate[]>} */
  const candidates = new Map();
  for (const source of sources) {
    if (source.isDeclarationFile || !source.fileName.startsWith(join(folder, 'src'))) continue;
    visit(source, (node) => {
      if (!ts.isClassLike(node) && !ts.isInterfaceDeclaration(node)) return;
      for (const member of node.members) {
        const name = publicName(member);
        if (name === undefined || calledByPlatform.has(name)) continue;
        candidates.set(name, [...(candidates.get(name) ?? []), { member, owner: node, name }]);
      }
    });
  }

  /** @type {Set<ts.Node>} */
  const used = new Set();
  /** Members of other types by which a candidate may be reached. @type {Map<string, Set<ts.Declaration>>} */
  const others = new Map();
  for (const source of sources)
    visit(source, (node) => {
      for (const [name, symbol] of reads(node)) use(name, symbol, node);
    });

  const words = new Set(
    files
      .filter((name) => name.endsWith('.svelte'))
      .flatMap((name) => readFileSync(name, 'utf8').match(/[$\w]+/g) ?? []),
  );
  return [...candidates.values()]
    .flat()
    .filter(
      (candidate) =>
        !words.has(candidate.name) &&
        !used.has(candidate.member) &&
        !isReachedAsOther(candidate) &&
        !isOfLibrary(candidate),
    )
    .map(({ member, owner, name }) => {
      const file = member.getSourceFile();
      const { line } = file.getLineAndCharacterOfPosition(member.getStart());
      return `${relative(folder, file.fileName)}:${line + 1} ${owner.name?.text ?? 'class'}.${name}`;
    })
    .sort();

  /**
   * The members that a node reads.
   * @param {ts.Node} node
   * @returns {[string, ts.Symbol | undefined][]}
   */
  function reads(node) {
    if (ts.isPropertyAccessExpression(node)) {
      const name = node.name.text;
      return candidates.has(name) ? [[name, checker.getSymbolAtLocation(node.name)]] : [];
    }
    if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
      const name = node.argumentExpression.text;
      return candidates.has(name)
        ? [[name, checker.getTypeAtLocation(node.expression).getProperty(name)]]
        : [];
    }
    if (ts.isIndexedAccessTypeNode(node) && ts.isLiteralTypeNode(node.indexType)) {
      const name = ts.isStringLiteral(node.indexType.literal) ? node.indexType.literal.text : '';
      return candidates.has(name)
        ? [[name, checker.getTypeAtLocation(node.objectType).getProperty(name)]]
        : [];
    }
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      const name = (node.propertyName ?? node.name).getText();
      return candidates.has(name) ? [[name, checker.getTypeAtLocation(node.parent).getProperty(name)]] : [];
    }
    return [];
  }

  /**
   * @param {string} name
   * @param {ts.Symbol | undefined} symbol
   * @param {ts.Node} node where it is read
   */
  function use(name, symbol, node) {
    const known = candidates.get(name) ?? [];
    for (const declaration of symbol?.declarations ?? []) {
      const candidate = known.find(({ member }) => member === declaration);
      if (candidate === undefined) others.set(name, (others.get(name) ?? new Set()).add(declaration));
      else if (!isWithin(node, candidate.owner)) {
        used.add(declaration);
        // Whoever stands for this type is reached through it.
        others.set(name, (others.get(name) ?? new Set()).add(declaration));
      }
    }
  }

  /** @param {Candidate} candidate */
  function isReachedAsOther({ owner, name }) {
    const type = checker.getTypeAtLocation(owner);
    return [...(others.get(name) ?? [])].some(({ parent }) => {
      if (!parent || parent === owner) return false;
      // Of generic types assignability says little, and instances of classes are not mistaken for each other.
      if (inherits(owner, parent) || inherits(parent, owner)) return true;
      return !ts.isClassLike(parent) && checker.isTypeAssignableTo(type, checker.getTypeAtLocation(parent));
    });
  }

  /**
   * @param {Candidate} candidate
   * @returns {boolean} whether the member is one that a library's type asks for, which is called there
   */
  function isOfLibrary({ owner, name }) {
    return (owner.heritageClauses ?? [])
      .flatMap(({ types }) => types)
      .flatMap((base) => checker.getTypeAtLocation(base).getProperty(name)?.declarations ?? [])
      .some((declaration) => /[\\/]node_modules[\\/]/.test(declaration.getSourceFile().fileName));
  }

  /**
   * @param {ts.Node} owner
   * @param {ts.Node} other
   * @returns {boolean} whether one names the other as a type that it extends or implements, through others too
   */
  function inherits(owner, other) {
    if (!ts.isClassLike(owner) && !ts.isInterfaceDeclaration(owner)) return false;
    return (owner.heritageClauses ?? [])
      .flatMap(({ types }) => types)
      .flatMap((base) => checker.getTypeAtLocation(base).getSymbol()?.declarations ?? [])
      .some((base) => base === other || inherits(base, other));
  }
}

/**
 * @param {ts.ClassElement | ts.TypeElement} member
 * @returns {string | undefined} its name, of methods, fields and accessors that are not private
 */
function publicName(member) {
  const kinds = [ts.isMethodDeclaration, ts.isPropertyDeclaration, ts.isAccessor, ts.isMethodSignature];
  if (!kinds.some((is) => is(member))) return undefined;
  if (ts.canHaveModifiers(member)) {
    const hidden = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword];
    if (ts.getModifiers(member)?.some(({ kind }) => hidden.includes(kind))) return undefined;
  }
  return member.name && (ts.isIdentifier(member.name) || ts.isStringLiteral(member.name))
    ? member.name.text
    : undefined;
}

/**
 * @param {ts.Node} node
 * @param {(node: ts.Node) => void} see
 */
function visit(node, see) {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

/**
 * @param {ts.Node} node
 * @param {ts.Node} outer
 */
function isWithin(node, outer) {
  return node.getSourceFile() === outer.getSourceFile() && node.pos >= outer.pos && node.end <= outer.end;
}

/** @param {string} folder */
function filesIn(folder) {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs|svelte)$/.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = unusedMembers(resolve(process.argv[2] ?? root));
  for (const line of found) console.log(`${line} is not used outside it`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
