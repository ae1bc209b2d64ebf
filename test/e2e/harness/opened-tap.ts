/**
 * Keeps what a page is given to decode: the encoded frames after they were opened, as they would be on the wire if nothing
 * were sealed. The port from main to the decoder goes through a pair of the tap's own.
 */
import type { Page } from '@playwright/test';

/** One opened frame. */
export interface OpenedFrame {
  readonly media: 'audio' | 'video';
  readonly bytes: Uint8Array;
}

/** As much of the page as the tap touches; these sources know no DOM. */
interface TappedPage {
  openedFrames?: { media: string; bytes: Uint8Array }[];
  readonly Worker: { prototype: { postMessage(this: unknown, message: unknown, transfer?: unknown): void } };
  readonly MessageChannel: new () => { port1: PagePort; port2: PagePort };
}

interface PagePort {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(data: unknown): void;
}

/** Installs the tap; before the page joins a meeting. */
export async function tapOpened(page: Page): Promise<void> {
  await page.evaluate(() => {
    const tapped = globalThis as unknown as TappedPage;
    const kept: { media: string; bytes: Uint8Array }[] = [];
    tapped.openedFrames = kept;
    const { prototype } = tapped.Worker;
    const post = prototype.postMessage;
    prototype.postMessage = function (message, transfer) {
      const toDecoder = message as { kind?: string; port?: PagePort };
      const main = toDecoder.port;
      if (toDecoder.kind !== 'downlink' || main === undefined) {
        post.call(this, message, transfer);
        return;
      }
      const { port1, port2 } = new tapped.MessageChannel();
      main.onmessage = ({ data }) => {
        for (const item of data as { kind: string; media: string; bytes: Uint8Array }[])
          if (item.kind === 'chunk' && kept.length < 2_000)
            kept.push({ media: item.media, bytes: item.bytes });
        port1.postMessage(data);
      };
      port1.onmessage = ({ data }) => {
        main.postMessage(data);
      };
      post.call(this, { ...toDecoder, port: port2 }, [port2]);
    };
  });
}

/** What was kept so far. */
export async function openedFrames(page: Page): Promise<OpenedFrame[]> {
  const frames = await page.evaluate(() =>
    ((globalThis as unknown as TappedPage).openedFrames ?? []).map(({ media, bytes }) => ({
      media,
      bytes: Array.from(bytes),
    })),
  );
  return frames.map(({ media, bytes }) => ({
    media: media === 'audio' ? 'audio' : 'video',
    bytes: Uint8Array.from(bytes),
  }));
}
