import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'electron-vite';
import manifest from './package.json' with { type: 'json' };

/** Addons load at run time from beside the bundle; electron comes with the runtime. */
const external = ['electron', 'keytar', /\.node$/];

/** What the oldest Electron that it runs in has; see scripts/stand-in. */
const node = 'node20';
const chrome = 130;

export default defineConfig({
  main: {
    build: {
      target: node,
      externalizeDeps: false,
      rolldownOptions: {
        input: { index: 'src/main/index.ts', 'mls-worker': 'src/main/mls-worker.ts' },
        external,
        output: { format: 'es', entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
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
        // A sandboxed preload script cannot be an ES module.
        output: { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
      },
    },
  },
  renderer: {
    root: 'src/renderer',
    base: '/',
    plugins: [svelte({ configFile: resolve('svelte.config.js') })],
    css: { transformer: 'lightningcss', lightningcss: { targets: { chrome: chrome << 16 } } },
    define: { 'import.meta.env.SHIPPED_ELECTRON': JSON.stringify(manifest.devDependencies.electron) },
    worker: { format: 'es' },
    build: {
      target: `chrome${chrome}`,
      // An inlined asset would be a data: URL, which the content security policy refuses.
      assetsInlineLimit: 0,
      rolldownOptions: { input: { index: 'src/renderer/index.html' } },
    },
  },
});
