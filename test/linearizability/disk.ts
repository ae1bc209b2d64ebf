/** A small disk for the service's data, which can be filled and can lose its power. Linux; the caller has mounts of its own. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';

/** `ext4` on an image in memory, or memory alone, which loses nothing when the power goes and so never does. */
export type DiskKind = 'ext4' | 'memory';

const CHUNK = Buffer.alloc(64 * 1024, 0xa5);

/** One file system. */
export class SmallDisk {
  readonly kind: DiskKind;
  /** Where it is mounted. */
  readonly directory: string;
  readonly #image: string;
  readonly #ballast: string;

  private constructor(kind: DiskKind, directory: string, image: string) {
    this.kind = kind;
    this.directory = directory;
    this.#image = image;
    this.#ballast = path.join(directory, 'ballast');
  }

  /**
   * Makes and mounts one below `base`: ext4 where a loop device can be had.
   * @throws {Error} nothing can be mounted here.
   */
  static mount(base: string, mib: number): SmallDisk {
    const [directory, memory] = [path.join(base, 'disk'), path.join(base, 'memory')];
    for (const each of [directory, memory]) mkdirSync(each, { recursive: true });
    const image = path.join(memory, 'image');
    run('mount', '-t', 'tmpfs', '-o', `size=${String(mib + 8)}m`, 'tmpfs', memory);
    const disk = new SmallDisk('ext4', directory, image);
    try {
      writeFileSync(image, '');
      truncateSync(image, mib * 1024 * 1024);
      run('mkfs.ext4', '-q', '-m', '0', image);
      disk.#attach();
      return disk;
    } catch {
      rmSync(image, { force: true });
      run('mount', '-t', 'tmpfs', '-o', `size=${String(mib)}m`, 'tmpfs', directory);
      return new SmallDisk('memory', directory, image);
    }
  }

  /** Leaves no free byte. */
  fill(): void {
    const file = openSync(this.#ballast, 'a');
    try {
      for (let size = CHUNK.length; size >= 1; size = Math.floor(size / 4)) {
        try {
          for (;;) writeSync(file, CHUNK, 0, size);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives the space back. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** What is not on the device yet is lost. Nothing can be written until {@link powerOn}. */
  cutPower(program: string): void {
    run(program, this.directory);
  }

  /** Starts again with what the device has; nobody uses the disk meanwhile. */
  powerOn(): void {
    run('umount', this.directory);
    this.#attach();
  }

  /** Gives it up, with all that is on it. */
  unmount(): void {
    run('umount', this.directory);
    run('umount', path.dirname(this.#image));
  }

  #attach(): void {
    run('mount', '-o', 'loop', this.#image, this.directory);
  }
}

function run(program: string, ...args: string[]): void {
  const path = `${process.env.PATH ?? ''}:/sbin:/usr/sbin`;
  const { status, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
