/** ms without pointer, key or touch after which controls may step back. */
const IDLE_AFTER = 4000;

/** Notices when nobody touches the window. Belongs to the component that makes it. */
export class IdleWatch {
  isIdle = $state(false);

  /** @param inUse - what must stay is in use, however long nobody moves; read reactively. */
  constructor(inUse: () => boolean) {
    $effect(() => {
      this.isIdle = false;
      if (inUse()) return;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const wake = (): void => {
        this.isIdle = false;
        clearTimeout(timer);
        timer = setTimeout(() => {
          this.isIdle = true;
        }, IDLE_AFTER);
      };
      const events = ['pointermove', 'pointerdown', 'keydown', 'focusin', 'wheel'] as const;
      for (const name of events) window.addEventListener(name, wake, { passive: true, capture: true });
      wake();
      return () => {
        clearTimeout(timer);
        for (const name of events) window.removeEventListener(name, wake, { capture: true });
      };
    });
  }
}
