import type * as tsMls from 'ts-mls';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The API of ts-mls as a value. */
export type TsMls = typeof tsMls;

/** ts-mls as its makers published it: the installed copy with our patch taken out. */
export async function stockTsMls(): Promise<TsMls> {
  const directory = mkdtempSync(join(tmpdir(), 'conclave-stock-'));
  const modules = join(directory, 'node_modules');
  mkdirSync(modules);
  cpSync(join(root, 'node_modules/ts-mls'), join(modules, 'ts-mls'), { recursive: true });
  for (const scope of ['@hpke', '@noble'])
    symlinkSync(join(root, 'node_modules', scope), join(modules, scope));
  const patch = join(root, 'patches/ts-mls+1.6.4.patch');
  execFileSync('git', ['apply', '--reverse', '--whitespace=nowarn', patch], {
    cwd: directory,
    env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() },
  });
  return (await import(pathToFileURL(join(modules, 'ts-mls/dist/src/index.js')).href)) as TsMls;
}
