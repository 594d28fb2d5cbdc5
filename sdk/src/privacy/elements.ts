/**
 * Which elements show what they hold. Selectors reach through shadow roots, as the eye does.
 *
 * Passwords, hidden fields, card numbers and one-time codes never show, whatever a project or page says.
 */
export interface PrivacySettings {
  maskInputs: boolean;
  maskSelector: string;
  blockSelector: string;
  unmaskSelector: string;
  allowed: (parameter: string) => boolean;
}

/** Typed text lies in text nodes here, so it is masked as text. */
export const EDITABLE = '[contenteditable]:not([contenteditable="false"]),[role="textbox"],textarea';

const NEVER = /^(password|hidden)$/i;
const NEVER_FILLED = /\b(cc-|one-time-code|current-password|new-password)/i;

/** The element or one around it that a selector means, through shadow roots. */
export function within(node: Node | null, selector: string): boolean {
  for (let at: Node | null = node; at;) {
    const element: Element | null = at.nodeType === 1 ? (at as Element) : at.parentElement;
    if (element?.closest(selector)) return true;
    const root: Node = at.getRootNode();
    at = (root as Partial<ShadowRoot>).host ?? null;
  }
  return false;
}

/** Whether a selector can be used; one that can't would show what it was meant to hide. */
export function isSelector(selector: string): boolean {
  try {
    document.createDocumentFragment().querySelector(selector);
    return true;
  } catch {
    return false;
  }
}

/** Whether a form field's content may be recorded. */
export function shows(element: Element | null, settings: PrivacySettings): boolean {
  if (!element) return !settings.maskInputs;
  const never =
    NEVER.test(element.getAttribute('type') ?? '') ||
    element.hasAttribute('data-rr-is-password') ||
    NEVER_FILLED.test(element.getAttribute('autocomplete') ?? '');
  if (never || within(element, settings.maskSelector)) return false;
  return !settings.maskInputs || within(element, settings.unmaskSelector);
}
