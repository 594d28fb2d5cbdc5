/** Pages without measure, browsers that keep nothing: bounded, said in the overlay, and no error in the page. */
import { expect, it } from 'vitest';
import { says } from './overlay';
import { visitor } from './site';
import { call, hasKeyframe, world } from './world';

const here = world();
const DEBUG = '?hindsight_debug=1';
const MILLION = 1_000_000;
const MINUTE = 60_000;

/** A script that adds that many elements to the page in one turn; hidden, as laying them out is the browser's matter. */
const grow = (nodes: number): string =>
  `(() => {
    const all = document.createElement('div');
    all.hidden = true;
    for (let i = 0; i < ${String(nodes)}; i++) all.append(document.createElement('i'));
    document.body.append(all);
  })()`;

it('does not begin on a document of a million nodes', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), `<script>${grow(MILLION)}</script>`);
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/${DEBUG}`);
  await call(page, 'track', 'still told');
  await edge.until('the track', () => edge.facts('track').length > 0, 30_000);
  await says(page, /too_many_nodes/);
  expect([hasKeyframe(edge), errors]).toEqual([false, []]);
  await context.close();
});

it('leaves a million nodes alone that a page adds at once, and says so', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<p>x</p>');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/${DEBUG}`);
  await edge.until('a keyframe', hasKeyframe);
  await page.evaluate(grow(MILLION));
  await call(page, 'track', 'still told');
  await edge.until('the track', () => edge.facts('track').length > 0, 30_000);
  await says(page, /overload|too_many_nodes/);
  const added = edge.events().filter(({ type, data }) => type === 3 && data['source'] === 0);
  expect([JSON.stringify(added).length < 10_000, errors]).toEqual([true, []]);
  await context.close();
});

it('pauses a mutation storm, says so, and leaves the page alive', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<div id="d"></div>');
  const { context, page, errors } = await visitor(browser);
  await page.clock.install();
  await page.goto(`${site.url}/${DEBUG}`);
  await edge.until('a keyframe', hasKeyframe);
  // Within one moment, however slow the machine: what a page may say refills with time.
  await page.clock.pauseAt(Date.now() + MINUTE);
  await page.evaluate(async () => {
    for (let round = 0; round < 40; round++) {
      const div = document.querySelector('#d');
      if (div) div.textContent = String(round).repeat(1_000_000);
      // Observers are told before what awaits goes on.
      await Promise.resolve();
    }
  });
  await page.clock.runFor(2_000);
  await edge.until('the gap', () => edge.facts('gap').some(({ reason }) => reason === 'overload'));
  await says(page, /overload/);
  await page.clock.runFor(MINUTE);
  await says(page, /level: 4/);
  expect(errors).toEqual([]);
  await context.close();
});

it('records without any storage, and says so', async () => {
  const { edge, site, browser } = here;
  // An origin of its own that nobody else has: the browser refuses it localStorage and IndexedDB alike.
  site.put('/', edge.tag(), '<button id="b">x</button>', {
    'content-security-policy': 'sandbox allow-scripts',
  });
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/${DEBUG}`);
  await edge.until('a keyframe', hasKeyframe);
  await page.click('#b');
  await edge.until('a click', () => edge.facts('click').length > 0);
  await says(page, /storage: forbidden/);
  expect(errors).toEqual([]);
  await context.close();
});

it('records with a storage that is full, and says so', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<button id="b">x</button>');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  // A browser's quota of IndexedDB is met at a time of its own choice; what it does then is this.
  await page.addInitScript(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
  });
  await page.evaluate(() => {
    try {
      for (let size = 1 << 20; ;) localStorage.setItem(`fill${String(Math.random())}`, 'x'.repeat(size));
    } catch {
      // Full.
    }
  });
  edge.reply = () => ({ status: 503, body: { reason: 'log_unavailable' } });
  await page.goto(`${site.url}/${DEBUG}`);
  await call(page, 'track', 'kept in memory');
  await says(page, /storage: QuotaExceededError/);
  edge.reply = () => edge.kept();
  await edge.until('the fact', () => edge.facts('track').length > 0, 30_000);
  expect(errors.filter((error) => !error.includes('503'))).toEqual([]);
  await context.close();
});

it('believes no object that is hostile to being read', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<form id="f"><input name="id"><input name="tagName"><button>x</button></form>');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/${DEBUG}`);
  await edge.until('a keyframe', hasKeyframe);
  const thrown = await page.evaluate(() => {
    const fail = (): never => {
      throw new Error('mine');
    };
    const hostile = {
      toString: fail,
      toJSON: fail,
      get [Symbol.toStringTag]() {
        return fail();
      },
    };
    const round: Record<string, unknown> = {};
    round['round'] = round;
    const { hindsight: api } = window as unknown as {
      hindsight: Record<string, (...values: unknown[]) => unknown>;
    };
    const calls: [string, unknown[]][] = [
      ['track', [hostile, hostile]],
      ['track', ['round', round]],
      ['track', ['big', { value: 1n }]],
      ['track', ['own', { toJSON: () => 'text' }]],
      ['reference', ['order', hostile]],
      ['identify', [null]],
      ['identify', [hostile]],
      ['identify', [{}]],
      ['page', [null]],
      ['page', [{ url: hostile }]],
      ['confirm', ['terms', hostile]],
      ['link', [hostile]],
      ['link', [undefined]],
    ];
    const found: string[] = [];
    for (const [name, values] of calls) {
      try {
        api[name]?.(...values);
      } catch (error) {
        found.push(`${name}: ${String(error)}`);
      }
    }
    console.log(hostile, new Proxy({}, { get: fail, getPrototypeOf: fail, ownKeys: fail }));
    document.querySelector('button')?.addEventListener('click', (event) => {
      event.preventDefault();
    });
    document.querySelector('button')?.click();
    return found;
  });
  expect(thrown).toEqual([]);
  await call(page, 'track', 'after all');
  await edge.until('the fact', () => edge.facts('track').some(({ name }) => name === 'after all'));
  expect(edge.facts('identify')).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});

it('says that there is no consent, and asks nobody', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag('data-consent="required"'), 'x');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await call(page, 'consent', 'granted');
  await edge.until('a keyframe', hasKeyframe);
  await page.goto(`${site.url}/${DEBUG}`);
  await says(page, /hindsight: recording/);
  await call(page, 'consent', 'denied');
  await says(page, /hindsight: off \(consent denied\)/);
  expect(errors).toEqual([]);
  await context.close();
});

it('says that it was loaded twice', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag() + edge.tag(), 'x');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/${DEBUG}`);
  await edge.until('a keyframe', hasKeyframe);
  await says(page, /loaded: 2 times, the first counts/);
  expect(new Set([...edge.taken.values()].map(({ tab }) => tab)).size).toBe(1);
  expect(errors).toEqual([]);
  await context.close();
});
