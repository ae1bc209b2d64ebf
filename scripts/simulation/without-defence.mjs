// @ts-check
/** Takes one defence out of what is bundled or tested; the sources stay as they are. */
import { join } from 'node:path';
import { root } from '../process.mjs';

/**
 * A Vite plugin.
 * @param {import('./defences.mjs').Defence} defence
 * @returns {import('vite').Plugin}
 */
export function withoutDefence({ name, file, code, instead }) {
  const path = join(root, file);
  return {
    name: 'without-defence',
    enforce: 'pre',
    transform(source, id) {
      if (id.split('?')[0] !== path) return undefined;
      const [before, after, ...more] = source.split(code);
      if (before === undefined || after === undefined || more.length > 0)
        throw new Error(`${name}: ${file} does not have exactly once: ${code}`);
      return { code: `${before}${instead}${after}`, map: null };
    },
  };
}
