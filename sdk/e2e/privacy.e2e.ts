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

const SECRET = 'Zx81secret';
const type = (selector: string) => (page: Page) => page.locator(selector).pressSequentially(SECRET);
const set = (script: string) => (page: Page) => page.evaluate(script);

const CASES: Case[] = [
  ...['text', 'password', 'email', 'search', 'tel', 'url', 'unknown'].map((kind) => ({
    what: `typed into an input of type ${kind}`,
    body: `<input id="i" type="${kind}">`,
    act: type('#i'),
  })),
  { what: 'typed into a textarea', body: '<textarea id="i"></textarea>', act: type('#i') },
  { what: 'a textarea that comes filled', body: `<textarea>${SECRET}</textarea>` },
  { what: 'an input that comes filled', body: `<input value="${SECRET}">` },
  { what: 'a hidden input', body: `<input type="hidden" value="${SECRET}">` },
  {
    what: 'a hidden input that is set',
    body: '<input type="hidden" id="i">',
    act: set(`i.value = '${SECRET}'`),
  },
  {
    what: 'a value attribute that is set',
    body: '<input id="i">',
    act: set(`i.setAttribute('value', '${SECRET}')`),
  },
  { what: 'a placeholder', body: `<input placeholder="${SECRET}">` },
  { what: 'a title', body: `<span title="${SECRET}">x</span>` },
  { what: 'a title that is set', body: '<b id="i">x</b>', act: set(`i.title = '${SECRET}'`) },
  {
    what: 'a chosen option',
    body: `<select id="i"><option value="a">a</option><option value="${SECRET}">b</option></select>`,
    act: (page) => page.selectOption('#i', SECRET),
  },
  {
    what: 'the value of a checked radio',
    body: `<input type="radio" id="i" name="n" value="${SECRET}">`,
    act: (page) => page.check('#i'),
  },
  {
    what: 'the value of a checkbox',
    body: `<input type="checkbox" id="i" value="${SECRET}">`,
    act: (page) => page.check('#i'),
  },
  { what: 'typed into an editable element', body: '<div id="i" contenteditable>x</div>', act: type('#i') },
  {
    what: 'typed into a role of textbox',
    body: '<div id="i" role="textbox" contenteditable="true"></div>',
    act: type('#i'),
  },
  {
    what: 'an input in a shadow root',
    body: '<div id="h"></div><script>h.attachShadow({mode:"open"}).innerHTML = "<input id=i>"</script>',
    act: type('#i'),
  },
  {
    what: 'a frame of the same origin',
    body: '<iframe id="f" srcdoc="<input id=i>"></iframe>',
    act: (page) => page.frameLocator('#f').locator('#i').pressSequentially(SECRET),
  },
  { what: 'the text of a srcdoc', body: `<iframe srcdoc="<input value='${SECRET}'>"></iframe>` },
  { what: 'text in a masked element', body: `<p class="hindsight-mask">${SECRET}</p>` },
  {
    what: 'text added to a masked element',
    body: '<p id="i" class="hindsight-mask"></p>',
    act: set(`i.append('${SECRET}')`),
  },
  {
    what: 'text changed in a masked element',
    body: '<p id="i" class="hindsight-mask">x</p>',
    act: set(`i.firstChild.data = '${SECRET}'`),
  },
  {
    what: 'text changed in a shadow root of a masked element',
    body: '<p id="h" class="hindsight-mask"></p><script>h.attachShadow({mode:"open"}).innerHTML = "<b>x</b>"</script>',
    act: set(`h.shadowRoot.querySelector('b').textContent = '${SECRET}'`),
  },
  {
    what: 'a label in a masked element',
    body: `<p class="hindsight-mask"><img alt="${SECRET}"><b aria-label="${SECRET}" data-name="${SECRET}"></b></p>`,
  },
  {
    what: 'a clicked text in a masked element',
    body: `<p class="hindsight-mask"><button id="i">${SECRET}</button></p>`,
    act: (page) => page.click('#i'),
  },
  { what: 'a blocked element', body: `<p class="hindsight-block">${SECRET}</p>` },
  { what: 'an element blocked by attribute', body: `<p data-hindsight-block>${SECRET}</p>` },
  {
    what: 'an unmasked password',
    body: '<input id="i" type="password" class="hindsight-unmask">',
    act: type('#i'),
  },
  {
    what: 'an unmasked card number',
    body: '<input id="i" autocomplete="cc-number" class="hindsight-unmask">',
    act: type('#i'),
  },
  {
    what: 'a password that is shown',
    body: '<input id="i" type="password">',
    act: async (page) => {
      await type('#i')(page);
      await page.evaluate(`i.type = 'text'`);
      await page.keyboard.type(SECRET);
    },
  },
  { what: 'a parameter of the address', body: 'x', query: `?card=${SECRET}` },
  { what: 'a fragment of the address', body: 'x', query: `#token=${SECRET}` },
  {
    what: 'a parameter of a link',
    body: `<a href="/x?card=${SECRET}">x</a><form action="/y?k=${SECRET}"></form>`,
  },
  {
    what: 'a parameter of an image',
    body: `<img src="/x.png?card=${SECRET}" srcset="/y.png?k=${SECRET} 2x">`,
  },
  {
    what: 'an address the app moves to',
    body: 'x',
    act: set(`history.pushState(0, '', '/next?card=${SECRET}')`),
  },
  { what: 'the address of a request', body: 'x', act: set(`fetch('/api?card=${SECRET}').catch(() => 0)`) },
  {
    what: 'the body of a request',
    body: 'x',
    act: set(`fetch('/api', { method: 'POST', body: '${SECRET}' }).catch(() => 0)`),
  },
  {
    what: 'a request of the older kind',
    body: 'x',
    act: set(
      `(() => { const r = new XMLHttpRequest(); r.open('POST', '/api?k=${SECRET}'); r.send('${SECRET}'); })()`,
    ),
  },
  { what: 'an object in the console', body: 'x', act: set(`console.log({ card: '${SECRET}' })`) },
  { what: 'a card number in the console', body: 'x', act: set(`console.error('card 4111 1111 1111 1111')`) },
  { what: 'an inline handler', body: `<b onclick="pay('${SECRET}')">x</b>` },
  { what: 'a script', body: `<script>window.data = '${SECRET}'</script>` },
  { what: 'a meta element', body: `<meta name="csrf" content="${SECRET}">` },
  { what: 'a comment', body: `<!-- ${SECRET} -->` },
  { what: 'a text that was confirmed', body: 'x', act: (page) => call(page, 'confirm', 'terms', SECRET) },
];

it.each(CASES.map((each) => [each.what, each] as const))(
  'does not send %s',
  async (_, { body, query, act }) => {
    const { edge, site, browser } = here;
    site.put('/', edge.tag(), `${body}<button id="end">end</button>`);
    const { context, page, errors } = await visitor(browser);
    await page.goto(`${site.url}/${query ?? ''}`);
    await edge.until('a keyframe', hasKeyframe);
    await act?.(page);
    await call(page, 'track', 'done');
    await edge.until('the end of the case', () => edge.facts('track').length > 0);
    await page.close({ runBeforeUnload: true });
    await context.close();
    const sent = edge.everything();
    expect(sent).not.toContain(SECRET);
    expect(sent).not.toContain('4111 1111');
    // The case has been recorded at all: a mask by silence proves nothing.
    expect(edge.events().some(({ type }) => type === 2)).toBe(true);
    expect(errors.filter((error) => !/404|4111/.test(error))).toEqual([]);
  },
);

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
