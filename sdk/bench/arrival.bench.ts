/** What arrives of visits that end suddenly. `VISITS` shortens it; the report goes to `BENCH_OUT` (default `benches/results`). */
import { expect, it } from 'vitest';
import { Edge } from '../e2e/edge';
import { browse, Site } from '../e2e/site';
import { arrival } from './arrival';
import { writeReport } from './report';

const VISITS = Number(process.env['VISITS'] ?? 1_000);
const OUT = process.env['BENCH_OUT'] ?? new URL('../../benches/results', import.meta.url).pathname;

const NOTES = [
  'each act of a visit leaves a business fact, a click and a change of the page, each with its number; an act counts once the browser answered for it; 1 to 8 acts a visit, at random moments',
  'tabs are closed at a random moment, one in five just after leaving for another page; a visitor makes 25 visits and comes back in the end, so that what a visit left in the browser can go out',
  'arrived: in a batch that the edge of the end-to-end tests (sdk/e2e/edge.ts) answered with 202; flush every 2 s, as by default',
];

it(
  'arrives, however a visit ends',
  async () => {
    const [browser, edge, site] = await Promise.all([browse(), Edge.start(), Site.start()]);
    const { expected, arrived, missing, preflights, requests } = await arrival(browser, edge, site, VISITS);
    await Promise.all([browser.close(), edge.stop(), site.stop()]);
    if (missing.length) console.log(`missing: ${missing.slice(0, 20).join(' ')}`);
    expect(expected).toBeGreaterThan(VISITS);
    writeReport(OUT, 'sdk-arrival', `make bench-sdk VISITS=${String(VISITS)}`, NOTES, [
      {
        figure: `events of ${String(VISITS)} visits that ended suddenly: ${String(arrived)} of ${String(expected)}`,
        value: (100 * arrived) / expected,
        unit: '%',
        target: 'at least 99.9',
      },
      { figure: `OPTIONS among ${String(requests)} requests`, value: preflights, unit: '', target: '0' },
    ]);
  },
  600_000 + VISITS * 60_000,
);
