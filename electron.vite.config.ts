import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'electron-vite';

/** Addons load at run time from beside the bundle; electron comes with the runtime. */
const external = ['electron', 'keytar', /\.node$/];

/** The oldest runtime that the tests may fall back to: Electron 22 (Node 16.17, Chromium 108). */
const node = 'node16';
const chrome = 108;

export default defineConfig({
  main: {
    build: {
      target: node,
      externalizeDeps: false,
      rolldownOptions: {
        input: { index: 'src/main/index.ts', 'mls-worker': 'src/main/mls-worker.ts' },
        external,
        output: { format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs' },
      },
    },
  },
  preload: {
    build: {
      target: node,
      externalizeDeps: false,
      rolldownOptions: {
        input: { index: 'src/preload/index.ts' },
        external,
        output: { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
      },
    },
  },
  renderer: {
    root: 'src/renderer',
    base: '/',
    plugins: [svelte({ configFile: resolve('svelte.config.js') })],
    // Without targets here, nesting and oklch would stay in the style sheets as they are.
    css: { transformer: 'lightningcss', lightningcss: { targets: { chrome: chrome << 16 } } },
    worker: { format: 'es' },
    build: {
      target: `chrome${chrome}`,
      // An inlined asset would be a data: URL, which the content security policy refuses.
      assetsInlineLimit: 0,
      rolldownOptions: { input: { index: 'src/renderer/index.html' } },
    },
  },
});
