/** A page without a recorder, with bare @rrweb/record that keeps its events in an array, and with ours. */
import { rolldown } from 'rolldown';
import type { Page } from 'playwright-core';
import type { Edge } from '../e2e/edge';
import type { Site } from '../e2e/site';
import { hasKeyframe } from '../e2e/world';
import type { Scene } from './pages';

export const VARIANTS = ['none', 'bare', 'ours'] as const;
export type Variant = (typeof VARIANTS)[number];

const BARE = '/bare.js';

/** rrweb as it comes, with its defaults: it masks no text, throttles nothing more, sends nothing. */
export async function bareRecorder(): Promise<string> {
  const build = await rolldown({
    input: 'bare',
    plugins: [
      {
        name: 'bare',
        resolveId: (id) => (id === 'bare' ? '\0bare' : null),
        load: (id) =>
          id === '\0bare'
            ? `import { record } from '@rrweb/record'; window.recorded = []; record({ emit: (event) => window.recorded.push(event) });`
            : null,
      },
    ],
  });
  const { output } = await build.generate({ format: 'iife', minify: true });
  await build.close();
  return output[0].code;
}

export function serve(site: Site, edge: Edge, scene: Scene, bare: string): void {
  site.pages.set(BARE, { html: bare, headers: { 'content-type': 'text/javascript' } });
  site.put('/blank', '', '');
  site.put('/none', '', scene.body);
  site.put('/bare', `<script src="${BARE}"></script>`, scene.body);
  site.put('/ours', edge.tag(), scene.body);
}

/** Until the first snapshot is taken, and the page is quiet again. */
export async function ready(page: Page, edge: Edge, variant: Variant): Promise<void> {
  await page.waitForLoadState('load');
  if (variant === 'bare') await page.waitForFunction('window.recorded && window.recorded.length > 1');
  if (variant === 'ours') await edge.until('the first snapshot', hasKeyframe, 60_000);
  await page.waitForTimeout(1_500);
}

/** Addresses of scripts that are the recorder's. */
export const isRecorder = (url: string): boolean =>
  url.endsWith(BARE) || /\/(sdk|recorder|flate)\.js/.test(url);
