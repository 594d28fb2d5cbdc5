/**
 * The corpus of masking: each case types or holds a secret somewhere, and no byte that leaves the browser - body,
 * address or header - may have it. The pages' own requests go to another server and are theirs.
 */
import { expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { visitor } from './site';
import { call, hasKeyframe, world } from './world';

const here = world();

interface Case {
  what: string;
  body: string;
  query?: string;
  act?: (page: Page) => Promise<unknown>;
}

const type = (selector: string, text: string) => (page: Page) =>
  page.locator(selector).pressSequentially(text);
const set = (script: string) => (page: Page) => page.evaluate(script);

/** Each case is made with a secret of its own, so that a leak names its case. */
const cases = (secret: string): Case[] => [
  ...['text', 'password', 'email', 'search', 'tel', 'url', 'unknown'].map((kind) => ({
    what: `typed into an input of type ${kind}`,
    body: `<input id="i" type="${kind}">`,
    act: type('#i', secret),
  })),
  { what: 'typed into a textarea', body: '<textarea id="i"></textarea>', act: type('#i', secret) },
  { what: 'a textarea that comes filled', body: `<textarea>${secret}</textarea>` },
  { what: 'an input that comes filled', body: `<input value="${secret}">` },
  { what: 'a hidden input', body: `<input type="hidden" value="${secret}">` },
  {
    what: 'a hidden input that is set',
    body: '<input type="hidden" id="i">',
    act: set(`i.value = '${secret}'`),
  },
  {
    what: 'a value attribute that is set',
    body: '<input id="i">',
    act: set(`i.setAttribute('value', '${secret}')`),
  },
  { what: 'a placeholder', body: `<input placeholder="${secret}">` },
  { what: 'a title', body: `<span title="${secret}">x</span>` },
  { what: 'a title that is set', body: '<b id="i">x</b>', act: set(`i.title = '${secret}'`) },
  {
    what: 'a chosen option',
    body: `<select id="i"><option value="a">a</option><option value="${secret}">b</option></select>`,
    act: (page) => page.selectOption('#i', secret),
  },
  {
    what: 'the value of a checked radio',
    body: `<input type="radio" id="i" name="n" value="${secret}">`,
    act: (page) => page.check('#i'),
  },
  {
    what: 'the value of a checkbox',
    body: `<input type="checkbox" id="i" value="${secret}">`,
    act: (page) => page.check('#i'),
  },
  {
    what: 'typed into an editable element',
    body: '<div id="i" contenteditable>x</div>',
    act: type('#i', secret),
  },
  {
    what: 'typed into a role of textbox',
    body: '<div id="i" role="textbox" contenteditable="true"></div>',
    act: type('#i', secret),
  },
  {
    what: 'an input in a shadow root',
    body: '<div id="h"></div><script>h.attachShadow({mode:"open"}).innerHTML = "<input id=i>"</script>',
    act: type('#i', secret),
  },
  {
    what: 'a frame of the same origin',
    body: '<iframe id="f" srcdoc="<input id=i>"></iframe>',
    act: (page) => page.frameLocator('#f').locator('#i').pressSequentially(secret),
  },
  { what: 'the text of a srcdoc', body: `<iframe srcdoc="<input value='${secret}'>"></iframe>` },
  { what: 'text in a masked element', body: `<p class="hindsight-mask">${secret}</p>` },
  {
    what: 'text added to a masked element',
    body: '<p id="i" class="hindsight-mask"></p>',
    act: set(`i.append('${secret}')`),
  },
  {
    what: 'text changed in a masked element',
    body: '<p id="i" class="hindsight-mask">x</p>',
    act: set(`i.firstChild.data = '${secret}'`),
  },
  {
    what: 'text changed in a shadow root of a masked element',
    body: '<p id="h" class="hindsight-mask"></p><script>h.attachShadow({mode:"open"}).innerHTML = "<b>x</b>"</script>',
    act: set(`h.shadowRoot.querySelector('b').textContent = '${secret}'`),
  },
  {
    what: 'a label in a masked element',
    body: `<p class="hindsight-mask"><img alt="${secret}"><b aria-label="${secret}" data-name="${secret}"></b></p>`,
  },
  {
    what: 'a clicked text in a masked element',
    body: `<p class="hindsight-mask"><button id="i">${secret}</button></p>`,
    act: (page) => page.click('#i'),
  },
  { what: 'a blocked element', body: `<p class="hindsight-block">${secret}</p>` },
  { what: 'an element blocked by attribute', body: `<p data-hindsight-block>${secret}</p>` },
  {
    what: 'an unmasked password',
    body: '<input id="i" type="password" class="hindsight-unmask">',
    act: type('#i', secret),
  },
  {
    what: 'an unmasked card number',
    body: '<input id="i" autocomplete="cc-number" class="hindsight-unmask">',
    act: type('#i', secret),
  },
  {
    what: 'a password that is shown',
    body: '<input id="i" type="password">',
    act: async (page) => {
      await type('#i', secret)(page);
      await page.evaluate(`i.type = 'text'`);
      await page.keyboard.type(secret);
    },
  },
  { what: 'a parameter of the address', body: 'x', query: `?card=${secret}` },
  { what: 'a fragment of the address', body: 'x', query: `#token=${secret}` },
  {
    what: 'a parameter of a link',
    body: `<a href="/x?card=${secret}">x</a><form action="/y?k=${secret}"></form>`,
  },
  {
    what: 'a parameter of an image',
    body: `<img src="/x.png?card=${secret}" srcset="/y.png?k=${secret} 2x">`,
  },
  {
    what: 'an address the app moves to',
    body: 'x',
    act: set(`history.pushState(0, '', '/next?card=${secret}')`),
  },
  { what: 'the address of a request', body: 'x', act: set(`fetch('/api?card=${secret}').catch(() => 0)`) },
  {
    what: 'the body of a request',
    body: 'x',
    act: set(`fetch('/api', { method: 'POST', body: '${secret}' }).catch(() => 0)`),
  },
  {
    what: 'a request of the older kind',
    body: 'x',
    act: set(
      `(() => { const r = new XMLHttpRequest(); r.open('POST', '/api?k=${secret}'); r.send('${secret}'); })()`,
    ),
  },
  { what: 'an object in the console', body: 'x', act: set(`console.log({ card: '${secret}' })`) },
  {
    what: 'an address in the console',
    body: 'x',
    act: set(`console.error('GET /pay?card=${secret} failed')`),
  },
  {
    what: 'an address in an error',
    body: 'x',
    act: set(`setTimeout(() => { throw new Error('GET https://a.example/?card=${secret}') })`),
  },
  {
    what: 'an address that the page names',
    body: 'x',
    act: (page) => call(page, 'page', { url: `/step?card=${secret}`, title: 'Step' }),
  },
  {
    what: 'typed in a frame within a frame',
    body: '<iframe id="f" srcdoc="<iframe id=g srcdoc=\'<input id=i>\'></iframe>"></iframe>',
    act: (page) => page.frameLocator('#f').frameLocator('#g').locator('#i').pressSequentially(secret),
  },
  {
    what: 'typed in a shadow root within a shadow root',
    body: `<div id="h"></div><script>
      const inner = h.attachShadow({mode:"open"}).appendChild(document.createElement('div'));
      inner.attachShadow({mode:"open"}).innerHTML = "<input id=i>";</script>`,
    act: type('#i', secret),
  },
  {
    what: 'a list of suggestions',
    body: `<input list="l"><datalist id="l"><option value="${secret}"></datalist>`,
  },
  { what: 'a description', body: `<input aria-description="${secret}" aria-valuetext="${secret}">` },
  { what: 'a card number in the console', body: 'x', act: set(`console.error('card 4111 1111 1111 1111')`) },
  { what: 'an inline handler', body: `<b onclick="pay('${secret}')">x</b>` },
  { what: 'a script', body: `<script>window.data = '${secret}'</script>` },
  { what: 'a meta element', body: `<meta name="csrf" content="${secret}">` },
  { what: 'a comment', body: `<!-- ${secret} -->` },
  { what: 'a text that was confirmed', body: 'x', act: (page) => call(page, 'confirm', 'terms', secret) },
];
const secretOf = (index: number): string => `Zx81secret${String(index)}x`;
const CASES = cases('').map((_, index) => cases(secretOf(index))[index] as Case);

it('lets none of the corpus out', async () => {
  const { edge, site, browser } = here;
  const { context, page, errors } = await visitor(browser);
  for (const [index, { body, query, act }] of CASES.entries()) {
    site.put(`/case-${String(index)}`, edge.tag(), body);
    await page.goto(`${site.url}/case-${String(index)}${query ?? ''}`);
    // Recorded at all: a mask by silence proves nothing.
    await page.waitForFunction('window.hindsight.status && window.hindsight.status().batches > 0');
    await act?.(page);
  }
  const last = CASES.length - 1;
  const hasPicture = (index: number): boolean =>
    edge
      .events()
      .some(
        ({ type, data }) => type === 4 && new URL(String(data['href'])).pathname === `/case-${String(index)}`,
      );
  await page.goto('about:blank');
  await edge.until('the last case', () => hasPicture(last));
  await context.close();
  const sent = edge.everything();
  const leaked = CASES.filter((_, index) => sent.includes(secretOf(index))).map(({ what }) => what);
  const unseen = CASES.filter((_, index) => !hasPicture(index)).map(({ what }) => what);
  expect({ leaked, unseen }).toEqual({ leaked: [], unseen: [] });
  expect(sent).not.toContain('4111 1111');
  expect(errors.filter((error) => !/404|4111|GET/.test(error))).toEqual([]);
}, 180_000);

it('shows what a page lets through, and labels of buttons', async () => {
  const { edge, site, browser } = here;
  edge.recording = { url_parameters: ['page'] };
  const body = `<input id="i" class="hindsight-unmask" placeholder="Your city"><input type="checkbox" id="c" class="hindsight-unmask">
    <input type="submit" value="Buy it"><p>Price 12</p>`;
  site.put('/', edge.tag(), body);
  const { context, page } = await visitor(browser);
  await page.goto(`${site.url}/?page=2`);
  await edge.until('a keyframe', hasKeyframe);
  await page.locator('#i').pressSequentially('Ulm');
  await page.check('#c');
  await edge.until(
    'a text and a tick',
    () => /"isChecked":true/.test(edge.everything()) && /"text":"Ulm"/.test(edge.everything()),
  );
  const sent = edge.everything();
  for (const shown of ['Your city', 'Buy it', 'Price 12', '?page=2']) expect(sent).toContain(shown);
  await context.close();
});
