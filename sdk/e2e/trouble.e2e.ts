/** Servers that are away, pages that are hostile, policies that are strict: bounded, told, and no error in the page. */
import { expect, it } from 'vitest';
import { visitor } from './site';
import { call, hasKeyframe, world } from './world';

const here = world();

it('keeps what a server that is away did not take, and the next page sends it', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  site.put('/elsewhere', '', 'not recorded');
  const { context, page } = await visitor(browser);
  edge.reply = () => ({ status: 503, headers: { 'retry-after': '30' }, body: { reason: 'log_unavailable' } });
  await page.goto(`${site.url}/`);
  await call(page, 'reference', 'order', 'O-1');
  await edge.until('a refusal', ({ seen }) => seen.some(({ path }) => path.startsWith('/v1/recordings')));
  await page.goto(`${site.url}/elsewhere`);
  expect(edge.taken.size).toBe(0);
  edge.reply = () => edge.kept();
  await page.goto(`${site.url}/`);
  await edge.until('the reference', () => edge.facts('reference').length > 0);
  // The next page's own batches may come behind those that it found.
  await edge.until('the next page', () => new Set([...edge.taken.values()].map(({ tab }) => tab)).size === 2);
  await context.close();
});

it('falls to page structure while the server is away, repeats with the same bytes, and comes back', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page } = await visitor(browser);
  let refused = 0;
  edge.reply = () => (refused++ < 3 ? { status: 429, body: { reason: 'rate_limited' } } : edge.kept());
  await page.goto(`${site.url}/`);
  await page.waitForFunction('window.hindsight.status && window.hindsight.status().level === 1');
  await edge.until('the answer', () => edge.taken.size > 0);
  await page.waitForFunction('window.hindsight.status().level === 4');
  const first = edge.seen.filter(({ path }) => path.endsWith('/0'));
  expect(first.length).toBe(4);
  expect(new Set(first.map(({ body }) => body.toString('base64'))).size).toBe(1);
  await context.close();
});

it('begins the session anew where the server says that its time is wrong', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page } = await visitor(browser);
  const old = Date.now() - 30 * 86_400_000;
  await page.addInitScript(
    `localStorage.setItem('hindsight.session', JSON.stringify({ id: '${uuid(old)}', startedAt: Date.now(), lastAt: Date.now() }))`,
  );
  edge.reply = ({ session }) =>
    parseInt(session.slice(0, 8), 16) * 65_536 < Date.now() - 86_400_000
      ? { status: 422, body: { reason: 'session_time', now_ms: Date.now() } }
      : edge.kept();
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe under another id', hasKeyframe);
  await context.close();
});

const uuid = (at: number): string => {
  const hex = at.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};

it('stops for a wrong key and says so in the overlay', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page } = await visitor(browser);
  edge.reply = () => ({ status: 403, body: { reason: 'wrong_origin' } });
  await page.goto(`${site.url}/?hindsight_debug=1`);
  await page.waitForFunction('window.hindsight.status && window.hindsight.status().why === "wrong_origin"');
  const asked = edge.seen.length;
  await call(page, 'track', 'more');
  await page.waitForTimeout(600);
  expect(edge.seen.length).toBe(asked);
  await context.close();
});

it('replaces a keyframe that no record can hold by a gap', async () => {
  const { edge, site, browser } = here;
  edge.limits = { record_bytes: 70_000, inflated_bytes: 64 << 20 };
  const noise = Array.from({ length: 4_000 }, () => Math.random().toString(36)).join(' ');
  site.put('/', edge.tag(), `<p>${noise}</p>`);
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a gap', () => edge.facts('gap').length > 0);
  expect(edge.facts('gap')[0]).toMatchObject({ reason: 'keyframe_too_large' });
  expect(edge.facts('start').length).toBe(1);
  expect(hasKeyframe(edge)).toBe(false);
  expect(errors).toEqual([]);
  await context.close();
});

it('works under a strict policy, with a nonce alone', async () => {
  const { edge, site, browser } = here;
  const policy = `default-src 'none'; script-src 'nonce-n1' 'strict-dynamic'; connect-src ${edge.url}`;
  site.put('/', edge.tag('nonce="n1"'), '<p>x</p>', { 'content-security-policy': policy });
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/?hindsight_debug=1`);
  await edge.until('a keyframe', hasKeyframe);
  await edge.until('fflate', ({ seen }) => seen.some(({ path }) => path.endsWith('/flate.js')));
  expect(errors.filter((error) => !error.includes('favicon') && !error.includes('data:,'))).toEqual([]);
  await context.close();
});

it('works where the page has replaced fetch and JSON', async () => {
  const { edge, site, browser } = here;
  const hostile = `<script>
    window.fetch = () => { throw new Error('mine') };
    JSON.stringify = () => 'gone'; JSON.parse = () => { throw new Error('mine') };
    Object.prototype.toString = () => { throw new Error('mine') };
  </script>`;
  site.put('/', hostile + edge.tag(), '<button id="b">x</button>');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  await page.evaluate(`console.log({ get [Symbol.toStringTag]() { throw new Error('mine') } })`);
  await page.click('#b');
  await edge.until('a click', () => edge.facts('click').length > 0);
  expect(errors).toEqual([]);
  await context.close();
});

it('is loaded once, however often it is asked to be', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag() + edge.tag(), edge.tag());
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  await page.evaluate(
    (src) =>
      new Promise((done) => {
        const again = document.createElement('script');
        again.src = src;
        again.onload = done;
        document.body.append(again);
      }),
    `${edge.url}/sdk.js?id=other`,
  );
  await page.waitForTimeout(300);
  expect(edge.seen.filter(({ path }) => path.endsWith('/recorder.js')).length).toBe(1);
  expect(new Set([...edge.taken.values()].map(({ tab }) => tab)).size).toBe(1);
  await context.close();
});

it('records a frame of its own origin as part of the page around it', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), '<iframe src="/inner"></iframe>');
  site.put('/inner', edge.tag(), '<p>inner text</p>');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('the inner text', () => edge.everything().includes('inner text'));
  expect(new Set([...edge.taken.values()].map(({ tab }) => tab)).size).toBe(1);
  await context.close();
});

it('adds the trace to requests of its own origin, and to no other', async () => {
  const { edge, site, browser } = here;
  site.put('/', edge.tag(), 'x');
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  const elsewhere = site.url.replace('127.0.0.1', 'localhost');
  await page.evaluate(
    async ([other]) => {
      await fetch('/api/one', { method: 'POST', headers: { 'x-own': '1', baggage: 'a=b' } });
      await fetch(new Request('/api/two', { headers: { 'x-own': '2' } }));
      await new Promise((done) => {
        const r = new XMLHttpRequest();
        r.open('GET', '/api/three');
        r.onloadend = done;
        r.send();
      });
      await fetch(`${other ?? ''}/api/four`, { mode: 'no-cors' });
    },
    [elsewhere],
  );
  await edge.until('four requests', () => edge.facts('network').length === 4);
  const headers = (path: string) => site.asked.find((asked) => asked.path === path)?.headers ?? {};
  const session = await page.evaluate('window.hindsight.session_id');
  expect(headers('/api/one')).toMatchObject({
    'x-own': '1',
    baggage: expect.stringMatching(
      new RegExp(`^a=b,hindsight.session=${String(session)},hindsight.tab=`),
    ) as string,
  });
  expect(headers('/api/two')).toMatchObject({
    'x-own': '2',
    traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/) as string,
  });
  expect(headers('/api/three')['traceparent']).toBeTruthy();
  expect(headers('/api/four')['traceparent']).toBeUndefined();
  const one = edge.facts('network').find(({ url }) => String(url).endsWith('/api/one'));
  expect(headers('/api/one')['traceparent']).toContain(one?.['trace_id']);
  expect(one).toMatchObject({ method: 'POST', status: 404 });
  await context.close();
});
