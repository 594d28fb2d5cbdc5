import { describe, expect, it } from 'vitest';
import { defuse, defuseCss, isLocal } from './defuse';

const page = (tagName: string, attributes: Record<string, unknown>, childNodes: unknown[] = []) => ({
  type: 2,
  timestamp: 1,
  data: { node: { type: 0, childNodes: [{ type: 2, tagName, attributes, childNodes, id: 2 }], id: 1 } },
});
const attributesOf = (event: ReturnType<typeof page>) => event.data.node.childNodes[0]?.attributes;

describe('defuse', () => {
  it('takes foreign images out and keeps inlined ones', () => {
    expect(attributesOf(defuse(page('img', { src: 'https://a.example/x.png' })))?.['src']).toMatch(
      /^data:image\/gif/,
    );
    expect(attributesOf(defuse(page('img', { src: 'data:image/png;base64,AA' })))).toEqual({
      src: 'data:image/png;base64,AA',
    });
  });

  it('removes handlers, redirects and fetching links, and keeps where a link led', () => {
    expect(attributesOf(defuse(page('a', { href: 'https://a.example/', onclick: 'x()' })))).toEqual({
      href: 'https://a.example/',
    });
    expect(
      attributesOf(defuse(page('link', { rel: 'stylesheet', href: 'https://a.example/x.css' }))),
    ).toEqual({
      rel: 'stylesheet',
    });
    expect(attributesOf(defuse(page('meta', { 'http-equiv': 'refresh', content: '0;url=//b' })))).toEqual({
      content: '0;url=//b',
    });
    expect(attributesOf(defuse(page('base', { href: 'https://a.example/' })))).toEqual({});
    expect(attributesOf(defuse(page('a', { href: ' javascript:alert(1)' })))).toEqual({ href: '#' });
  });

  it('reaches style elements, attribute changes, and rules added later', () => {
    const style = page('style', {}, [{ type: 3, textContent: 'a{background:url(http://a/b.png)}', id: 3 }]);
    defuse(style);
    expect(JSON.stringify(style)).not.toContain('http://a/');
    const change = {
      type: 3,
      data: {
        source: 0,
        attributes: [{ id: 1, attributes: { style: { 'background-image': 'url(http://a/b)' } } }],
      },
    };
    expect(JSON.stringify(defuse(change))).not.toContain('http://a/');
    const rule = { type: 3, data: { source: 8, adds: [{ rule: 'a{cursor:url("http://a/c.cur")}' }] } };
    expect(JSON.stringify(defuse(rule))).not.toContain('http://a/');
  });

  it('survives a page of 50,000 levels', () => {
    let node: Record<string, unknown> = { tagName: 'img', attributes: { src: 'http://a/b' }, childNodes: [] };
    const leaf = node;
    for (let depth = 0; depth < 50_000; depth += 1)
      node = { tagName: 'div', attributes: {}, childNodes: [node] };
    defuse({ type: 2, data: { node } });
    expect((leaf['attributes'] as Record<string, string>)['src']).toMatch(/^data:/);
  });
});

describe('defuseCss', () => {
  it('keeps the number of rules, since recorded changes count them', () => {
    const css = '@font-face{font-family:F;src:url(https://f/x.woff2) format("woff2")}a{color:red}';
    expect(defuseCss(css).match(/\{/g)).toHaveLength(2);
    expect(defuseCss(css)).not.toContain('https:');
  });
  it('keeps what is inlined', () => {
    const css = 'a{background:url("data:image/svg+xml;utf8,<svg/>")}';
    expect(defuseCss(css)).toBe(css);
  });
  it('drops imports', () => {
    expect(defuseCss('@import url("https://fonts.example/css?family=A:wght@400");b{}')).not.toContain(
      'fonts.example',
    );
  });
});

it('isLocal refuses protocol-relative and root addresses', () => {
  expect(['//a/b', '/a', 'a.png', 'https://a'].map(isLocal)).toEqual([false, false, false, false]);
});
