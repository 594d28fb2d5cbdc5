/** The ways in which the recorder comes into a page, each of which records: a build, a path, a package, an old browser. */
import { expect, it } from 'vitest';
import { rolldown } from 'rolldown';
import { visitor } from './site';
import { call, hasKeyframe, world } from './world';

const here = world();

for (const build of ['plain', 'obfuscated']) {
  it(`records as its ${build} build`, async () => {
    const { edge, site, browser } = here;
    site.put('/', edge.tag(`data-build="${build}"`), '<button id="b">Pay</button>', {
      'content-security-policy': `default-src 'none'; script-src ${edge.url}; connect-src ${edge.url}`,
    });
    const { context, page, errors } = await visitor(browser);
    await page.goto(`${site.url}/`);
    await edge.until('a keyframe', hasKeyframe);
    await page.click('#b');
    await edge.until('a click', () => edge.facts('click').length > 0);
    expect(edge.facts('click')[0]).toMatchObject({ text: 'Pay' });
    expect(edge.seen.some(({ path }) => path.endsWith(`/recorder.${build}.js`))).toBe(true);
    expect(errors.filter((error) => !error.includes('data:,'))).toEqual([]);
    await context.close();
  });
}

it('finds its server behind a path of the page’s own origin', async () => {
  const { edge, site, browser } = here;
  site.forward('/h/', edge.url);
  site.put(
    '/',
    `<script src="/h/sdk.js?id=hs_browser_1&source=shop"></script>`,
    '<button id="b">Pay</button>',
  );
  const { context, page, errors } = await visitor(browser);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  await page.click('#b');
  await edge.until('a click', () => edge.facts('click').length > 0);
  expect(asked.filter((url) => url.startsWith('http') && !url.startsWith(`${site.url}/`))).toEqual([]);
  // Its own requests are no facts about the page.
  expect(edge.facts('network')).toEqual([]);
  expect(errors).toEqual([]);
  await context.close();
});

/** What a bundler makes of an app that uses the package. */
async function app(server: string): Promise<string> {
  const entry = new URL('../dist/npm/index.js', import.meta.url).pathname;
  const code = `import hindsight from ${JSON.stringify(entry)};
    hindsight.start({ server: ${JSON.stringify(server)}, key: 'hs_browser_1', source: 'packaged', release: '1.4.0' });
    hindsight.reference('order', 'O-17');
    window.hindsight = hindsight;`;
  const build = await rolldown({
    input: 'app',
    plugins: [
      {
        name: 'app',
        resolveId: (id) => (id === 'app' ? '\0app' : null),
        load: (id) => (id === '\0app' ? code : null),
      },
    ],
  });
  const { output } = await build.generate({ format: 'es', codeSplitting: false });
  await build.close();
  return output[0].code;
}

it('records as a package that an app bundles', async () => {
  const { edge, site, browser } = here;
  site.pages.set('/app.js', { html: await app(edge.url), headers: { 'content-type': 'text/javascript' } });
  site.put('/', '<script type="module" src="/app.js"></script>', 'x');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  await edge.until('the reference', () => edge.facts('reference').length > 0);
  expect(edge.facts('start')[0]).toMatchObject({ source: 'packaged', release: '1.4.0' });
  expect(errors).toEqual([]);
  await context.close();
});

it('packs by fflate where the browser has no CompressionStream', async () => {
  const { edge, site, browser } = here;
  site.put('/', `<script>delete window.CompressionStream</script>${edge.tag()}`, 'x');
  const { context, page, errors } = await visitor(browser);
  await page.goto(`${site.url}/`);
  await edge.until('a keyframe', hasKeyframe);
  await call(page, 'track', 'packed');
  await edge.until('the fact', () => edge.facts('track').length > 0);
  const sent = edge.seen.filter(({ path }) => path.startsWith('/v1/recordings'));
  expect(new Set(sent.map(({ query }) => query.get('encoding')))).toEqual(new Set(['gzip']));
  expect(errors).toEqual([]);
  await context.close();
});
