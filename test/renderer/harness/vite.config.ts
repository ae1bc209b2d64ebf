/** Builds the harness with the very settings the renderer ships with. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import manifest from '../../../package.json' with { type: 'json' };

const here = dirname(fileURLToPath(import.meta.url));
const chrome = 130;

export default defineConfig({
  root: here,
  base: '/',
  logLevel: 'warn',
  plugins: [svelte({ configFile: resolve(here, '../../../svelte.config.js') })],
  css: { transformer: 'lightningcss', lightningcss: { targets: { chrome: chrome << 16 } } },
  define: { 'import.meta.env.SHIPPED_ELECTRON': JSON.stringify(manifest.devDependencies.electron) },
  worker: { format: 'es' },
  build: { target: `chrome${String(chrome)}`, assetsInlineLimit: 0, emptyOutDir: true },
});
