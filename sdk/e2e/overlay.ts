/** Reads the box of `?hindsight_debug=1`: it lies in a closed shadow root, which only the browser itself sees into. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

interface DomNode {
  children?: DomNode[];
  shadowRoots?: DomNode[];
  nodeValue: string;
}

/** The box's text; empty while there is none. Asked for alone: the page may have a million nodes. */
async function boxOf(page: Page): Promise<string> {
  const client = await page.context().newCDPSession(page);
  const { root } = await client.send('DOM.getDocument', { depth: 0 });
  const selector = '[data-hindsight-overlay]';
  const { nodeIds } = await client.send('DOM.querySelectorAll', { nodeId: root.nodeId, selector });
  const [nodeId] = nodeIds;
  const found = nodeId
    ? await client.send('DOM.describeNode', { nodeId, depth: -1, pierce: true })
    : undefined;
  await client.detach();
  expect(nodeIds.length).toBeLessThan(2);
  return found ? textOf(found.node) : '';
}

const textOf = (node: DomNode): string =>
  [node.nodeValue, ...[...(node.shadowRoots ?? []), ...(node.children ?? [])].map(textOf)].join('');

/** Waits until the one box says it. */
export async function says(page: Page, what: RegExp): Promise<void> {
  await expect.poll(() => boxOf(page), { timeout: 15_000 }).toMatch(what);
}
