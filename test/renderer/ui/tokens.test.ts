import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const css = readFileSync(new URL('../../../src/renderer/ui/tokens.css', import.meta.url), 'utf8');

/** Colour tokens of the first rule with that selector, on top of others. */
function colours(
  selector: string,
  below: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const start = css.indexOf(`${selector} {`);
  const rule = css.slice(start, css.indexOf('}', start));
  const found = [...rule.matchAll(/--([\w-]+): (oklch\([^)]*\));/g)];
  return new Map([...below, ...found.map(([, name = '', value = '']) => [name, value] as const)]);
}

/** Relative luminance of an OKLCH colour (WCAG 2.2, CSS Color 4), clipped to sRGB as a screen does. */
function luminance(oklch: string): number {
  const [l = 0, c = 0, h = 0] = [...oklch.matchAll(/[\d.]+/g)].map(Number);
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const middle = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clip = (value: number): number => Math.min(1, Math.max(0, value));
  return (
    0.2126 * clip(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short) +
    0.7152 * clip(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short) +
    0.0722 * clip(-0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short)
  );
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const dark = colours(':root');
const light = colours(":root[data-theme='light']", dark);
const grounds = ['stage', 'panel', 'raised', 'tile'];
const text: readonly (readonly [string, readonly string[]])[] = [
  ['text', [...grounds, 'raised-hover']],
  ['text-dim', grounds],
  ['danger-text', ['stage', 'panel', 'raised']],
  ['on-accent', ['accent', 'accent-hover']],
  ['on-danger', ['danger', 'danger-hover']],
  ['on-attention', ['attention']],
];
const controls: readonly (readonly [string, readonly string[]])[] = [
  ['line-control', ['stage', 'panel']],
  ['accent', ['stage', 'panel', 'tile', 'raised']],
  ['focus', ['stage', 'panel', 'raised']],
];

describe.each([
  ['dark', dark],
  ['light', light],
])('%s', (_name, theme) => {
  const of = (name: string): string => theme.get(name) ?? '';

  test('black on white is 21', () => {
    expect(contrast('oklch(0 0 0)', 'oklch(1 0 0)')).toBeCloseTo(21, 1);
  });

  test.each(text)('%s can be read', (name, backgrounds) => {
    for (const ground of backgrounds)
      expect(contrast(of(name), of(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });

  test.each(controls)('%s can be seen', (name, backgrounds) => {
    for (const ground of backgrounds)
      expect(contrast(of(name), of(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(3);
  });
});
