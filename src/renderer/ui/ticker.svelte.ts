/** The wall clock, for what shows time passing. */
export class Ticker {
  /** ms since 1970, each second anew. */
  now = $state(Date.now());

  constructor() {
    $effect(() => {
      const timer = setInterval(() => {
        this.now = Date.now();
      }, 1000);
      return () => {
        clearInterval(timer);
      };
    });
  }
}
