import type { AppState } from '../../contract/state.ts';

/**
 * Keeps an element's `data-theme` at light or dark, following the system where that is wished.
 * @returns a function that takes the wish.
 */
export function followTheme(element: HTMLElement): (theme: AppState['theme']) => void {
  const prefersLight = matchMedia('(prefers-color-scheme: light)');
  let wish: AppState['theme'] = 'system';
  const apply = (): void => {
    const light = wish === 'light' || (wish === 'system' && prefersLight.matches);
    element.dataset.theme = light ? 'light' : 'dark';
  };
  prefersLight.addEventListener('change', apply);
  apply();
  return (theme) => {
    wish = theme;
    apply();
  };
}
