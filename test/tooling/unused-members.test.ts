import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unusedMembers } from '../../scripts/unused-members.mjs';

const files = {
  'src/thing.ts': `
    export interface Port {
      call(): void;
      forget(): void;
    }
    export class Thing {
      readonly field = 1;
      dead = 2;
      #hidden = 3;
      private old = 4;
      get shown(): number { return this.#hidden + this.old; }
      get deadGetter(): number { return 1; }
      method(): void { this.inner(); }
      inner(): void { this.inner(); }
      deadMethod(): void { this.deadMethod(); }
      inComponent(): void {}
      taken(): void {}
      byName(): void {}
    }
    export class Other {
      deadMethod(): void {}
      method(): void {}
    }
    export class Implementation implements Port {
      call(): void {}
      forget(): void {}
    }
    export class Derived extends Thing {
      override method(): void {}
    }
    export class Shaped { shape(): void {} }
  `,
  'node_modules/library/index.d.ts': 'export interface Index { find(): void; }',
  'src/index.ts': `
    import type { Index } from '../node_modules/library/index.d.ts';
    export class OurIndex implements Index {
      find(): void {}
      lose(): void {}
    }
  `,
  'src/use.ts': `
    import { Implementation, Other, Shaped, Thing, type Port } from './thing.ts';
    const thing = new Thing();
    thing.method();
    const { taken } = thing;
    void [thing.field, thing.shown, thing['byName'], taken];
    new Other().deadMethod();
    const port: Port = new Implementation();
    port.call();
    const draw = (it: { shape(): void }) => { it.shape(); };
    draw(new Shaped());
  `,
  'src/Component.svelte': '<script lang="ts">thing.inComponent();</script>',
};

let folder = '';

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'conclave-members-')));
  for (const [name, code] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), code);
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('finds exactly the members that nothing outside their class uses', () => {
  expect(
    unusedMembers(folder)
      .map((line) => line.split(' ')[1])
      .sort(),
  ).toEqual(
    [
      'OurIndex.lose',
      'Thing.deadGetter',
      'Thing.inner',
      'Thing.deadMethod',
      'Other.method',
      'Implementation.forget',
      'Port.forget',
      'Thing.dead',
    ].sort(),
  );
});
