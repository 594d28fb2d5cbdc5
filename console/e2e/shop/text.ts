/** The text that a document shows, frames in it included: the same of a living page and of its replay. */
import type { ElementHandle, Frame } from 'playwright-core';

/** Runs in the page. */
function textOf(body: Element): string {
  const words: string[] = [];
  const read = (root: Element): void => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      // By name: elements of a rebuilt page are of another window's classes.
      if (node.nodeName === 'IFRAME') {
        const inner = (node as HTMLIFrameElement).contentDocument?.body;
        if (inner) read(inner);
      } else if (node.nodeType === 3 && !/^(SCRIPT|STYLE|NOSCRIPT)$/.test(node.parentNode?.nodeName ?? ''))
        words.push(node.nodeValue ?? '');
    }
  };
  read(body);
  return words.join(' ').replace(/\s+/g, ' ').trim();
}

export const shownText = (frame: Frame): Promise<string> => frame.locator('body').evaluate(textOf);

export async function replayedText(player: ElementHandle | null): Promise<string> {
  const frame = await player?.contentFrame();
  return frame ? shownText(frame) : '';
}
