/**
 * Texts that leave the page outside the recorded picture: messages, labels, errors. Bounded, and without what looks
 * like a card, an account, a phone number, a mail address, a token or the value of a URL's parameter.
 */
const SECRETS =
  /([?&#;][\w.%[\]-]+=)[^\s&#;"'`)]+|[\w.+-]+@[\w-]+\.[\w.-]+|\beyJ[\w-]+\.[\w-]+\.[\w-]*|\b(?:bearer|basic)\s+[\w.~+/=-]{8,}|\+?\d(?:[ .\-/]?\d){8,}/gi;

/** Longest message that is kept. */
export const MESSAGE_CHARS = 1_000;

export const scrubText = (text: string, most = MESSAGE_CHARS): string => {
  const cut = text.length > 2 * most ? text.slice(0, 2 * most) : text;
  const clean = cut.replace(SECRETS, '$1*');
  return clean.length > most ? `${clean.slice(0, most)}…` : clean;
};

/** Same layout, no content. */
export const stars = (text: string): string => text.replace(/\S/g, '*');

/** What anything is called in a message; a hostile `toString` is not believed. */
export function describe(value: unknown): string {
  try {
    if (typeof value === 'string') return value;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (typeof value === 'object' && value !== null) return Object.prototype.toString.call(value);
    return String(value);
  } catch {
    return '[unreadable]';
  }
}
