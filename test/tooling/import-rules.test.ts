import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** A file that imports what it must not, and the rule of `.dependency-cruiser.cjs` that says so. */
const forbidden: [file: string, imports: string, rule: string][] = [
  ['src/protocol/media/a.ts', '../../io/free.ts', 'protocol-knows-only-itself'],
  ['src/protocol/media/b.ts', '../../contract/free.ts', 'protocol-knows-only-itself'],
  ['src/protocol/media/c.ts', 'node:fs', 'protocol-without-platform'],
  ['src/protocol/media/d.ts', 'valibot', 'protocol-without-platform'],
  ['src/protocol/group/e.ts', 'ts-mls', 'protocol-without-platform'],
  ['src/protocol/bytes/f.ts', '../media/free.ts', 'bytes-is-lowest'],
  ['src/protocol/moqt/g.ts', '../group/free.ts', 'moqt-knows-no-relay'],
  ['src/protocol/moqt/relaying.ts', '../relay/free.ts', 'moqt-knows-no-relay'],
  ['src/protocol/moqt/sealing.ts', '../secure-objects/free.ts', 'moqt-knows-no-relay'],
  ['src/protocol/relay/sealing.ts', '../secure-objects/free.ts', 'relay-core-knows-no-keys'],
  ['src/protocol/relay/naming.ts', '../group/names.ts', 'relay-core-knows-no-keys'],
  ['src/protocol/relay/media.ts', '../media/free.ts', 'relay-core-knows-no-keys'],
  ['src/protocol/group/relaying.ts', '../relay/free.ts', 'app-knows-no-relay'],
  ['src/main/relaying.ts', '../protocol/relay/free.ts', 'app-knows-no-relay'],
  ['src/protocol/meeting/relaying.ts', '../relay/free.ts', 'app-knows-no-relay'],
  ['src/protocol/group/meeting.ts', '../meeting/free.ts', 'meeting-is-on-top'],
  ['src/io/meeting.ts', '../protocol/meeting/free.ts', 'meeting-is-on-top'],
  ['src/services/relay/meeting.ts', '../../protocol/meeting/free.ts', 'meeting-is-on-top'],
  ['src/renderer/meeting.ts', '../protocol/meeting/free.ts', 'renderer-knows-contract-and-media'],
  ['src/protocol/meeting/waiting.ts', '../../io/free.ts', 'protocol-knows-only-itself'],
  ['src/protocol/meeting/reading.ts', 'node:fs', 'protocol-without-platform'],
  ['src/protocol/moqt/session-z.ts', './draft18/free.ts', 'draft-is-chosen-once'],
  ['src/protocol/moqt/drafts-z.ts', './draft18/free.ts', 'draft-is-chosen-once'],
  ['src/io/moqt/z.ts', '../../protocol/moqt/draft18/free.ts', 'draft-is-chosen-once'],
  ['src/main/meeting/z.ts', '../../protocol/moqt/draft18/free.ts', 'draft-is-chosen-once'],
  ['src/services/relay/z.ts', '../../protocol/moqt/draft18/free.ts', 'draft-is-chosen-once'],
  ['src/io/h.ts', '../main/free.ts', 'io-is-shared'],
  ['src/io/i.ts', 'electron', 'io-without-electron'],
  ['src/services/counter/j.ts', 'electron', 'io-without-electron'],
  ['src/services/relay/k.ts', '../../main/free.ts', 'services-know-no-app'],
  ['src/services/relay/l.ts', '../../contract/free.ts', 'services-know-no-app'],
  ['src/services/relay/m.ts', '../../protocol/secure-objects/free.ts', 'relay-knows-no-keys'],
  [
    'src/services/relay/meeting-tracks.ts',
    '../../protocol/group/free.ts',
    'relay-policy-knows-names-and-passes',
  ],
  ['src/services/relay/naming.ts', '../../protocol/group/names.ts', 'relay-knows-no-keys'],
  ['src/services/counter/n.ts', '../relay/free.ts', 'counter-knows-no-relay'],
  ['src/main/o.ts', '../renderer/free.ts', 'main-knows-no-window'],
  ['src/main/p.ts', '../services/relay/free.ts', 'main-knows-no-window'],
  ['src/contract/q.ts', '../main/free.ts', 'contract-is-types'],
  ['src/preload/r.ts', '../protocol/media/free.ts', 'preload-is-a-bridge'],
  ['src/renderer/s.ts', '../main/free.ts', 'renderer-knows-contract-and-media'],
  ['src/renderer/t.ts', '../protocol/secure-objects/free.ts', 'renderer-knows-contract-and-media'],
  ['src/renderer/u.ts', 'electron', 'renderer-without-electron'],
  ['src/renderer/v.ts', 'node:path', 'renderer-without-node'],
  ['src/renderer/W.svelte', '../main/free.ts', 'renderer-knows-contract-and-media'],
  ['src/main/x.ts', '../../test/free.ts', 'source-without-tests'],
  ['src/main/y.ts', './nowhere.ts', 'resolvable'],
  ['src/main/cycle-back.ts', './cycle.ts', 'no-cycles'],
];

const allowed: [file: string, imports: string][] = [
  ['src/protocol/secure-objects/good.ts', '@noble/ciphers/aes.js'],
  ['src/protocol/group/good.ts', '../bytes/free.ts'],
  ['src/protocol/moqt/drafts.ts', './draft18/free.ts'],
  ['src/protocol/moqt/draft18/good.ts', '../free.ts'],
  ['src/protocol/meeting/good.ts', '../group/free.ts'],
  ['src/main/meeting/good.ts', '../../protocol/meeting/free.ts'],
  ['src/io/good.ts', 'node:https'],
  ['src/io/good-too.ts', '../protocol/moqt/free.ts'],
  ['src/protocol/relay/good.ts', '../moqt/free.ts'],
  ['src/protocol/relay/good-too.ts', '../bytes/free.ts'],
  ['src/services/relay/good.ts', '../../io/free.ts'],
  ['src/services/relay/good-too.ts', '../../protocol/relay/free.ts'],
  ['src/main/good.ts', '../io/free.ts'],
  ['src/main/good-too.ts', 'electron'],
  ['src/main/cycle.ts', './cycle-back.ts'],
  ['src/preload/good.ts', '../contract/free.ts'],
  ['src/renderer/good.ts', '../protocol/media/free.ts'],
  ['src/renderer/Good.svelte', '../contract/free.ts'],
];

describe('import direction', () => {
  let tree = '';
  let violations = new Set<string>();

  beforeAll(async () => {
    tree = await mkdtemp(join(tmpdir(), 'conclave-imports-'));
    await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
    await symlink(join(root, 'package.json'), join(tree, 'package.json'));
    await symlink(join(root, 'tsconfig.base.json'), join(tree, 'tsconfig.base.json'));
    await symlink(join(root, 'tsconfig.node.json'), join(tree, 'tsconfig.node.json'));
    const targets = [...forbidden, ...allowed]
      .filter(([, to]) => to.endsWith('/free.ts') || to.endsWith('/names.ts'))
      .map(([from, to]) => join(dirname(from), to));
    for (const target of targets) await write(target, 'export const value = 1;\n');
    for (const [from, to] of [...forbidden, ...allowed]) {
      const statement = `import * as it from '${to}';\nexport const used = it;\n`;
      await write(from, from.endsWith('.svelte') ? `<script lang="ts">\n${statement}</script>\n` : statement);
    }
    violations = await cruise();
  });

  afterAll(() => rm(tree, { recursive: true, force: true }));

  test.each(forbidden)('%s may not import %s', (from, _to, rule) => {
    expect([...violations].filter((line) => line.startsWith(`${from} `))).toContain(`${from} ${rule}`);
  });

  test.each(allowed)('%s may import %s', (from) => {
    expect([...violations].filter((line) => line.startsWith(`${from} `))).toEqual([]);
  });

  async function write(path: string, text: string): Promise<void> {
    await mkdir(join(tree, dirname(path)), { recursive: true });
    await writeFile(join(tree, path), text);
  }

  async function cruise(): Promise<Set<string>> {
    const depcruise = join(root, 'node_modules/.bin/depcruise');
    const args = ['src', '--config', join(root, '.dependency-cruiser.cjs'), '--output-type', 'json'];
    // It exits with the number of violations, which is what we are after.
    const { stdout } = await promisify(execFile)(depcruise, args, { cwd: tree, maxBuffer: 1 << 26 }).catch(
      (failure: unknown) => failure as { stdout: string },
    );
    const { summary } = JSON.parse(stdout) as {
      summary: { violations: { from: string; rule: { name: string } }[] };
    };
    return new Set(summary.violations.map(({ from, rule }) => `${from} ${rule.name}`));
  }
});
