// @ts-check
/**
 * Builds the native QUIC addon for this machine with cargo: `native/quic/conclave-quic.node`.
 * Does nothing when the addon is there and its sources have not changed.
 *
 *   node scripts/build-native.mjs [--force]
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { capture, root, run } from './process.mjs';

const crate = join(root, 'native/quic');
const target = join(crate, 'target');
const addon = join(crate, 'conclave-quic.node');
const stampFile = join(target, 'conclave-quic.stamp');
const library =
  { win32: 'conclave_quic.dll', darwin: 'libconclave_quic.dylib' }[
    /** @type {string} */ (process.platform)
  ] ?? 'libconclave_quic.so';

process.exitCode = await build();

/** @returns {Promise<number>} exit code */
async function build() {
  const stamp = sourceStamp();
  const upToDate = existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
  if (upToDate && !process.argv.includes('--force')) return 0;

  const cargo = await findCargo();
  if (cargo === undefined) {
    console.error(`The QUIC addon is written in Rust, and cargo was not found.\n${howToInstall()}`);
    return 1;
  }
  console.log('Building the QUIC addon (about two minutes the first time)…');
  const code = await run(cargo, ['build', '--release', '--locked', '--target-dir', target], { cwd: crate });
  if (code !== 0) {
    console.error(
      `The QUIC addon was not built. If a compiler, linker or newer Rust is missing:\n${howToInstall()}`,
    );
    return code;
  }
  // Renamed into place: a process that has the old one loaded keeps it.
  copyFileSync(join(target, 'release', library), `${addon}.new`);
  renameSync(`${addon}.new`, addon);
  writeFileSync(stampFile, stamp);
  return 0;
}

/** Changes with the sources and with the machine they are built for. */
function sourceStamp() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  const sources = readdirSync(join(crate, 'src')).sort();
  for (const name of ['Cargo.toml', 'Cargo.lock', 'build.rs', ...sources.map((source) => `src/${source}`)]) {
    hash.update(`${name}\n`).update(readFileSync(join(crate, name)));
  }
  return hash.digest('hex');
}

/** The cargo on the PATH, or the one that rustup installs for this user. */
async function findCargo() {
  for (const cargo of ['cargo', join(homedir(), '.cargo/bin/cargo')]) {
    if ((await capture(cargo, ['--version'])).code === 0) return cargo;
  }
  return undefined;
}

function howToInstall() {
  /** @type {Record<string, string[]>} */
  const steps = {
    win32: [
      'winget install Rustlang.Rustup',
      'winget install Microsoft.VisualStudio.2022.BuildTools --override "--add Microsoft.VisualStudio.Workload.VCTools"',
    ],
    darwin: [
      'xcode-select --install',
      "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y",
    ],
    linux: [
      'sudo apt-get install -y build-essential curl    (or the C compiler of your distribution)',
      "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y",
    ],
  };
  const lines = [...(steps[process.platform] ?? steps['linux'] ?? []), 'node scripts/build-native.mjs'];
  return `Install Rust 1.85 or newer and a C compiler, then build again:\n  ${lines.join('\n  ')}`;
}
