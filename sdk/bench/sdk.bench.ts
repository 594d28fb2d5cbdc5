/**
 * What the recorder costs a page, beside bare @rrweb/record in the same run. `RUNS` shortens it; the report goes to `BENCH_OUT` (default `benches/results`).
 */
import { afterAll, beforeAll, beforeEach, afterEach, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { Edge } from '../e2e/edge';
import { browse, Site, visitor } from '../e2e/site';
import { SCENES, type Scene } from './pages';
import { median, writeReport, type Row } from './report';
import { costOf, longestOf, traced, type Cost } from './thread';
import { bareRecorder, isRecorder, ready, serve, VARIANTS, type Variant } from './variants';

const RUNS = Number(process.env['RUNS'] ?? 7);
const OUT = process.env['BENCH_OUT'] ?? new URL('../../benches/results', import.meta.url).pathname;
const COMMAND = `make bench-sdk RUNS=${String(RUNS)}`;
/** The last batches are sent within the time that is measured. */
const TAIL_MS = 2_500;
/** A busy machine makes it slow, not wrong. */
const PATIENCE_MS = 300_000;

const rows: Row[] = [];
let browser: Browser;
let edge: Edge;
let site: Site;

beforeAll(async () => {
  browser = await browse();
});
beforeEach(async () => {
  [edge, site] = await Promise.all([Edge.start(), Site.start()]);
  edge.recording = { flush_every_ms: 2_000 };
});
afterEach(async () => {
  await Promise.all([edge.stop(), site.stop()]);
});
afterAll(async () => {
  await browser.close();
  writeReport(OUT, 'sdk', COMMAND, NOTES, rows);
});

const NOTES = [
  'main thread: CPU time of all tasks of the page’s main thread as Chromium counts it (Performance.getMetrics, thread ticks), from 1.5 s after the first snapshot until 2.5 s after the visit; each run with a profile of its own, variants in turn, medians of the runs',
  'added: what a variant’s median is above the median without a recorder, as a share of how long the visit takes; "of the page’s own" as a share of what the page itself costs',
  'bare: `record({ emit: (event) => recorded.push(event) })` of @rrweb/record, with its defaults; it masks less, makes no text, packs and sends nothing',
  'longest task of the recorder: the longest time that its functions (timers, observers, listeners) took of one task in a traced visit after the first snapshot, the worst of the runs; wall time, so a busy machine makes it longer',
];

/** One visit of one variant: what it costs, from the first snapshot on, and what loading costs. */
async function measure(scene: Scene, variant: Variant): Promise<{ load: Cost; visit: Cost }> {
  edge.taken.clear();
  const { context, page } = await visitor(browser);
  context.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${site.url}/blank`);
  const load = await costOf(page, async () => {
    await page.goto(`${site.url}/${variant}`);
    await ready(page, edge, variant);
  });
  const visit = await costOf(page, async () => {
    await scene.visit(page);
    await page.waitForTimeout(TAIL_MS);
  });
  await context.close();
  return { load, visit };
}

/** The longest task of the recorder after the first snapshot. */
async function longest(scene: Scene, variant: Variant): Promise<number> {
  edge.taken.clear();
  const { context, page } = await visitor(browser);
  context.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${site.url}/${variant}`);
  await ready(page, edge, variant);
  const events = await traced(browser, page, async () => {
    await scene.visit(page);
    await page.waitForTimeout(TAIL_MS);
  });
  await context.close();
  return longestOf(events, isRecorder);
}

const perVariant = <T>(): Record<Variant, T[]> => ({ none: [], bare: [], ours: [] });

for (const scene of SCENES) {
  it(
    `costs a visit to the ${scene.name} little`,
    async () => {
      serve(site, edge, scene, await bareRecorder());
      const visits = perVariant<number>();
      const loads = perVariant<number>();
      const lasted: number[] = [];
      const tasks = perVariant<number>();
      for (let run = 0; run < RUNS; run++) {
        for (const variant of VARIANTS) {
          const { load, visit } = await measure(scene, variant);
          visits[variant].push(visit.taskMs);
          loads[variant].push(load.taskMs);
          lasted.push(visit.visitMs);
          if (variant !== 'none') tasks[variant].push(await longest(scene, variant));
        }
      }
      const own = median(visits.none);
      const length = median(lasted);
      const added = (variant: Variant): number => median(visits[variant]) - own;
      const share = (variant: Variant, of: number): number => (100 * added(variant)) / of;
      rows.push(
        {
          figure: `${scene.name}: a visit, the page alone`,
          value: own,
          unit: `ms of ${String(Math.round(length / 1_000))} s`,
        },
        {
          figure: `${scene.name}: added main-thread time`,
          value: added('ours'),
          bare: added('bare'),
          unit: 'ms',
        },
        {
          figure: `${scene.name}: added, of the visit's time`,
          value: share('ours', length),
          bare: share('bare', length),
          unit: '%',
          target: 'under 3 %',
        },
        {
          figure: `${scene.name}: added, of the page's own`,
          value: share('ours', own),
          bare: share('bare', own),
          unit: '%',
        },
        {
          figure: `${scene.name}: loading and first snapshot, added`,
          value: median(loads.ours) - median(loads.none),
          bare: median(loads.bare) - median(loads.none),
          unit: 'ms',
        },
        {
          figure: `${scene.name}: longest task of the recorder after the first snapshot`,
          value: Math.max(...tasks.ours),
          bare: Math.max(...tasks.bare),
          unit: 'ms',
          target: 'at most 50',
        },
      );
      expect(tasks.ours.every((ms) => ms > 0)).toBe(true);
    },
    RUNS * 600_000,
  );
}

it('is small', () => {
  const size = (name: string): number =>
    gzipSync(readFileSync(new URL(`../dist/${name}`, import.meta.url)), { level: 9 }).length;
  rows.push(
    { figure: 'loader, gzipped', value: size('web/sdk.js'), unit: 'bytes', target: 'at most 2,000' },
    { figure: 'recorder, gzipped', value: size('web/recorder.js'), unit: 'bytes', target: 'at most 32,000' },
    {
      figure: 'mini-program, gzipped',
      value: size('miniprogram/index.js'),
      unit: 'bytes',
      target: 'about 4,000',
    },
  );
});
