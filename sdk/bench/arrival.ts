/**
 * Visits that end suddenly: what was done before the tab was closed, against what arrived.
 *
 * Each act of the script has a number of its own that goes into a business fact, the text of a click and a change of
 * the page; an act counts as done once the browser has answered for it. The tab is closed at a random moment, one time
 * in five just after leaving for another page. Visitors come back, as people do: what a visit left in the browser goes
 * out with the next one. Arrived is what the edge answered with 202, whenever.
 */
import type { Browser, Page } from 'playwright-core';
import type { Edge } from '../e2e/edge';
import { visitor, type Site } from '../e2e/site';

const SIDE_BY_SIDE = 3;
const VISITS_EACH = 25;
const MOST_ACTS = 8;
/** A busy machine makes it slow, not wrong. */
const PATIENCE_MS = 300_000;

export interface Arrival {
  visits: number;
  expected: number;
  arrived: number;
  /** What did not, by name. */
  missing: string[];
  preflights: number;
  requests: number;
}

/** Numbers of [0, 1), the same for one seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const BODY = `<h1>Bean shop</h1><button id="b">0</button><ul id="list"></ul>
<script>
  window.act = (name) => {
    hindsight.track(name);
    const li = document.createElement('li');
    li.textContent = 'item ' + name + ';';
    list.append(li);
    b.textContent = 'click ' + name + ';';
    b.click();
  };
</script>`;

/** What each act leaves: a fact, a click with its text, an added text. */
const traces = (name: string): string[] => [`fact ${name};`, `click ${name};`, `item ${name};`];

async function visit(page: Page, url: string, name: string, chance: () => number): Promise<string[]> {
  const done: string[] = [];
  await page.goto(url);
  await page.waitForFunction('window.hindsight && window.hindsight.session_id');
  const acts = 1 + Math.floor(chance() * MOST_ACTS);
  for (let act = 0; act < acts; act++) {
    const each = `${name}-${String(act)}`;
    await page.evaluate((given) => {
      (window as unknown as { act: (name: string) => void }).act(given);
    }, each);
    done.push(each);
    await page.waitForTimeout(chance() * 400);
  }
  if (chance() < 0.2) await page.goto('about:blank');
  await page.close({ runBeforeUnload: false });
  return done;
}

/** One person's visits, one after the other; the last one stays until everything is sent. */
async function person(
  browser: Browser,
  edge: Edge,
  url: string,
  who: number,
  visits: number,
): Promise<string[]> {
  const chance = random(1_000 + who);
  const { context, page: first } = await visitor(browser);
  context.setDefaultTimeout(PATIENCE_MS);
  const done: string[] = [];
  let page = first;
  for (let at = 0; at < visits; at++) {
    done.push(...(await visit(page, url, `p${String(who)}v${String(at)}`, chance)));
    page = await context.newPage();
  }
  await page.goto(url);
  await page.waitForFunction('window.hindsight && window.hindsight.session_id');
  await page.waitForTimeout(3_000);
  await page.waitForFunction('window.hindsight.status().waiting === 0');
  await context.close();
  return done;
}

export async function arrival(browser: Browser, edge: Edge, site: Site, visits: number): Promise<Arrival> {
  edge.recording = { flush_every_ms: 2_000 };
  site.put('/', edge.tag(), BODY);
  const people = Math.ceil(visits / VISITS_EACH);
  const done: string[] = [];
  let next = 0;
  const walk = async (): Promise<void> => {
    while (next < people) {
      const who = next++;
      const each = Math.min(VISITS_EACH, visits - who * VISITS_EACH);
      done.push(...(await person(browser, edge, `${site.url}/`, who, each)));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, walk));
  const expected = done.flatMap(traces);
  const found = foundBy(edge);
  const missing = expected.filter((trace) => !found.has(trace));
  return {
    visits,
    expected: expected.length,
    arrived: expected.length - missing.length,
    missing,
    preflights: edge.seen.filter(({ method }) => method === 'OPTIONS').length,
    requests: edge.seen.length,
  };
}

function foundBy(edge: Edge): Set<string> {
  const found = new Set<string>();
  for (const { name } of edge.facts('track')) found.add(`fact ${String(name)};`);
  for (const { text } of edge.facts('click')) found.add(String(text));
  const changes = edge.events().filter(({ type, data }) => type === 3 && data['source'] === 0);
  for (const change of changes) {
    for (const item of JSON.stringify(change).match(/item p\d+v\d+-\d+;/g) ?? []) found.add(item);
  }
  return found;
}
