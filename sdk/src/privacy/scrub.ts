/**
 * Masks what rrweb lets through, before an event becomes text: attributes that carry values, checked boxes, addresses.
 *
 * Invariant: what is masked here has left no other trace; events are changed in place and go nowhere before. rrweb
 * itself masks typed text and the text of masked elements (`maskInput`, `maskText` are handed to it).
 */
import { EDITABLE, shows, within, type PrivacySettings } from './elements';
import { stars } from './text';
import { maskUrl } from './urls';

type Attributes = Record<string, unknown>;

/** A serialized node of rrweb, as far as it matters here. */
interface Serialized {
  type: number;
  id: number;
  tagName?: string;
  attributes?: Attributes;
  textContent?: string;
  isStyle?: boolean;
  childNodes?: Serialized[];
}

interface Mutation {
  source: number;
  adds?: { parentId: number; node: Serialized }[];
  attributes?: { id: number; attributes: Attributes }[];
  texts?: { id: number; value: string | null }[];
  id?: number;
  text?: string;
  isChecked?: boolean;
}

const ELEMENT = 2;
const TEXT = 3;
const ADDRESSES = /^(href|src|action|formaction|poster|cite|data|background|ping|xlink:href|rr_src)$/;
const DROPPED = /^(on.+|srcdoc|nonce)$/;
const VALUES = /^(value|placeholder|title|aria-valuetext|aria-valuenow|aria-description)$/;
const LABELS = /^(alt|aria-label|label|data-.+|content)$/;
/** Their `value` is a label or a measure that the page shows. */
const LABELLED = /^(li|progress|meter|button)$/;
const PUSHED = /^(submit|button|reset|image)$/;
const PUBLIC_META = /^(viewport|color-scheme|theme-color|generator)$/;

export class Scrubber {
  constructor(
    readonly settings: PrivacySettings,
    private readonly nodeOf: (id: number) => Node | null,
  ) {}

  /** For rrweb: the content of a form field. */
  readonly maskInput = (text: string, element: HTMLElement): string => {
    if (shows(element, this.settings)) return text;
    // Not even its length.
    return element.getAttribute('type') === 'password' ? text && '********' : stars(text);
  };

  /** For rrweb: text in a masked element or an editable one. */
  readonly maskText = (text: string, element: HTMLElement | null): string =>
    this.textIsMasked(element) ? stars(text) : text;

  /** Masks an event in place. */
  event(event: { type: number; data?: unknown }): void {
    const data = event.data as Attributes & Mutation & { node?: Serialized; href?: string };
    if (event.type === 4 && data.href) data.href = this.url(data.href);
    if (event.type === 2 && data.node) this.tree(data.node);
    if (event.type !== 3) return;
    if (data.source === 0) this.mutation(data);
    if (data.source === 5) this.input(data);
  }

  /** An address without what people typed. */
  url(url: string): string {
    return maskUrl(url, this.settings.allowed);
  }

  private mutation({ adds, attributes, texts }: Mutation): void {
    adds?.forEach(({ node }) => {
      this.tree(node, true);
    });
    attributes?.forEach((change) => {
      const node = this.nodeOf(change.id) as Element | null;
      this.attributes(change.attributes, node?.tagName?.toLowerCase() ?? '', node);
    });
    texts?.forEach((change) => {
      if (change.value && this.textIsMasked(this.nodeOf(change.id))) change.value = stars(change.value);
    });
  }

  private input(data: Mutation): void {
    const element = this.nodeOf(data.id ?? -1) as Element | null;
    if (shows(element, this.settings)) return;
    data.text = stars(data.text ?? '');
    data.isChecked = false;
  }

  /** Iterative: a page may be nested deeper than the stack. */
  private tree(root: Serialized, added = false): void {
    const open: Serialized[] = [root];
    for (let node = open.pop(); node; node = open.pop()) {
      if (node.type === ELEMENT && node.attributes) {
        this.attributes(
          node.attributes,
          (node.tagName ?? '').toLowerCase(),
          this.nodeOf(node.id) as Element | null,
        );
      }
      // In a snapshot rrweb has passed the mask down itself; single nodes that are added don't know their host.
      if (added && node.type === TEXT && node.textContent && this.textIsMasked(this.nodeOf(node.id))) {
        node.textContent = stars(node.textContent);
      }
      if (node.childNodes) for (const child of node.childNodes) open.push(child);
    }
  }

  private textIsMasked(node: Node | null): boolean {
    const { maskSelector, unmaskSelector, maskInputs } = this.settings;
    if (within(node, maskSelector)) return true;
    return maskInputs && within(node, EDITABLE) && !within(node, unmaskSelector);
  }

  private attributes(attributes: Attributes, tag: string, element: Element | null): void {
    for (const name of Object.keys(attributes)) {
      const value = attributes[name];
      if (DROPPED.test(name)) Reflect.deleteProperty(attributes, name);
      else if (name === 'checked' || name === 'selected') {
        const field = name === 'selected' ? (element?.parentElement ?? element) : element;
        if (!shows(field, this.settings)) Reflect.deleteProperty(attributes, name);
      } else if (typeof value === 'string' && value)
        attributes[name] = this.attribute(name, value, tag, element);
    }
  }

  private attribute(name: string, value: string, tag: string, element: Element | null): string {
    if (ADDRESSES.test(name)) return this.address(value);
    if (name === 'srcset') return value.replace(/[^\s,]\S*/g, (url) => this.address(url));
    if (tag === 'meta' && name === 'content') {
      return PUBLIC_META.test(element?.getAttribute('name') ?? '') ? value : '*';
    }
    if (VALUES.test(name))
      return this.isLabel(name, tag, element) || shows(element, this.settings) ? value : stars(value);
    if (LABELS.test(name) && within(element, this.settings.maskSelector)) return stars(value);
    return value;
  }

  private isLabel(name: string, tag: string, element: Element | null): boolean {
    const pushed =
      LABELLED.test(tag) || (tag === 'input' && PUSHED.test(element?.getAttribute('type') ?? ''));
    return name === 'value' && pushed && !within(element, this.settings.maskSelector);
  }

  private address(value: string): string {
    if (/^\s*(data|blob):/i.test(value)) return value;
    return /^\s*javascript:/i.test(value) ? '*' : this.url(value);
  }
}
