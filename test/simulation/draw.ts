/** Drawing from the numbers of a seed. */

export type Draw = ReturnType<typeof drawFrom>;

/** @param random - numbers below 1. */
export function drawFrom(random: () => number) {
  const integer = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1));
  return {
    integer,
    chance: (of: number): boolean => random() < of,
    one: <Of>(...choices: readonly [Of, ...Of[]]): Of =>
      choices[integer(0, choices.length - 1)] ?? choices[0],
    /** Small numbers more often than large ones. */
    small: (most: number): number => Math.floor(random() ** 2 * (most + 1)),
  };
}
