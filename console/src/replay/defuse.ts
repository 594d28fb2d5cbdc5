/**
 * Takes out of recorded events what would make the *viewer's* browser act: addresses that it would fetch, scripts,
 * policies, redirects. A replay is evidence: it must not call the recorded site (which would learn who watches),
 * nor anyone else. The events are changed in place, before the player sees them; the stored recording is untouched.
 *
 * Kept: `data:`, `blob:` and fragment addresses, and the `href` of links (text to an auditor; nothing follows it,
 * since the player's iframe allows no navigation). What was taken out shows as an empty image of its recorded size.
 */

const BLANK = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';

/** Attributes through which an element fetches. `href` counts only on elements that fetch it. */
const FETCHING = new Set([
  'src',
  'srcset',
  'imagesrcset',
  'poster',
  'data',
  'background',
  'xlink:href',
  'rr_src',
  'lowsrc',
]);
const FETCHING_HREF = new Set(['link', 'image', 'use', 'base', 'feimage', 'script', 'mpath']);
const IMAGES = new Set(['img', 'image', 'input']);

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for an address that the browser resolves without asking anyone. */
export function isLocal(address: string): boolean {
  const text = address.trim().toLowerCase();
  return text === '' || text.startsWith('data:') || text.startsWith('blob:') || text.startsWith('#');
}

/** The same style text, fetching nothing: no imports, no foreign images, no fonts from outside. */
export function defuseCss(css: string): string {
  if (!/url\(|@import|image-set\(/i.test(css)) return css;
  // A face that can't be fetched falls to the next family. The rule itself stays: recorded style changes count rules.
  return css
    .replace(/@import\b[^;]*(;|$)/gi, '')
    .replace(/@font-face\s*\{[^}]*\}/gi, (face) =>
      face.replace(/url\(\s*("[^"]*"|'[^']*'|[^)]*)\s*\)/gi, 'local("")'),
    )
    .replace(
      /(image-set\(\s*)(["'])([^"']*)\2/gi,
      (whole: string, head: string, _quote: string, to: string) =>
        isLocal(to) ? whole : `${head}"${BLANK}"`,
    )
    .replace(/url\(\s*("[^"]*"|'[^']*'|[^)]*?)\s*\)/gi, (whole: string, inner: string) =>
      isLocal(inner.replace(/^["']|["']$/g, '')) ? whole : `url("${BLANK}")`,
    );
}

function defuseAttributes(attributes: Json, tag: string | undefined): void {
  for (const [given, value] of Object.entries(attributes)) {
    const name = given.toLowerCase();
    if (name === '_csstext' || name === 'style') {
      defuseStyle(attributes, given, value);
      continue;
    }
    if (typeof value !== 'string') continue;
    const fetches = FETCHING.has(name) || (name === 'href' && (tag === undefined || FETCHING_HREF.has(tag)));
    if (/^on/.test(name) || name === 'http-equiv' || name === 'srcdoc' || name === 'ping') {
      Reflect.deleteProperty(attributes, given);
    } else if (/^\s*javascript:/i.test(value)) {
      attributes[given] = '#';
    } else if (fetches && !isLocal(value)) {
      // A mutation names no element: a page address in `href` is kept as text only where it can't be fetched.
      if (tag === undefined && name === 'href') continue;
      if (name === 'src' && (tag === undefined || IMAGES.has(tag))) attributes[given] = BLANK;
      else Reflect.deleteProperty(attributes, given);
    }
  }
}

/** A style is a text, or (in mutations) a map of property to value or [value, priority]. */
function defuseStyle(holder: Json, key: string, value: unknown): void {
  if (typeof value === 'string') holder[key] = defuseCss(value);
  else if (isObject(value)) {
    for (const [property, setting] of Object.entries(value)) {
      if (typeof setting === 'string') value[property] = defuseCss(setting);
      else if (Array.isArray(setting) && typeof setting[0] === 'string') setting[0] = defuseCss(setting[0]);
    }
  }
}

/** Walks a serialized tree without recursion: a recorded page may be thousands of levels deep. */
function defuseTree(root: unknown): void {
  const pending: { node: unknown; inStyle: boolean }[] = [{ node: root, inStyle: false }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { node, inStyle } = next;
    if (!isObject(node)) continue;
    const tag = typeof node['tagName'] === 'string' ? node['tagName'].toLowerCase() : undefined;
    if (tag === 'base') node['attributes'] = {};
    if (isObject(node['attributes'])) defuseAttributes(node['attributes'], tag ?? '');
    const isStyleText = inStyle || node['isStyle'] === true;
    const text = node['textContent'];
    if (isStyleText && typeof text === 'string') node['textContent'] = defuseCss(text);
    const children = node['childNodes'];
    if (Array.isArray(children)) {
      for (const child of children) pending.push({ node: child, inStyle: tag === 'style' });
    }
  }
}

function eachObject(list: unknown, visit: (item: Json) => void): void {
  if (Array.isArray(list)) list.filter(isObject).forEach(visit);
}

function defuseRules(list: unknown): void {
  eachObject(list, (rule) => {
    if (typeof rule['rule'] === 'string') rule['rule'] = defuseCss(rule['rule']);
  });
}

/** rrweb's numbers: event types 2 (full snapshot) and 3 (incremental); sources 0, 8, 13 and 15 carry pages or styles. */
export function defuse<E>(event: E): E {
  if (!isObject(event) || !isObject(event['data'])) return event;
  const data = event['data'];
  if (event['type'] === 2) defuseTree(data['node']);
  if (event['type'] !== 3) return event;
  if (data['source'] === 0) {
    eachObject(data['adds'], (add) => {
      defuseTree(add['node']);
    });
    eachObject(data['attributes'], (change) => {
      if (isObject(change['attributes'])) defuseAttributes(change['attributes'], undefined);
    });
    eachObject(data['texts'], (change) => {
      if (
        typeof change['value'] === 'string' &&
        /@import|@font-face|url\(\s*["']?https?:/i.test(change['value'])
      ) {
        change['value'] = defuseCss(change['value']);
      }
    });
  } else if (data['source'] === 8) {
    defuseRules(data['adds']);
    for (const key of ['replace', 'replaceSync']) {
      if (typeof data[key] === 'string') data[key] = defuseCss(data[key]);
    }
  } else if (data['source'] === 13 && isObject(data['set'])) {
    if (typeof data['set']['value'] === 'string') data['set']['value'] = defuseCss(data['set']['value']);
  } else if (data['source'] === 15) {
    eachObject(data['styles'], (style) => {
      defuseRules(style['rules']);
    });
  }
  return event;
}
