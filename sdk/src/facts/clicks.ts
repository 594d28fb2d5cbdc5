/** `hindsight.click`: what was clicked, beside rrweb's own click, for tables and search. */
import { shows, within } from '../privacy/elements';
import { scrubText } from '../privacy/text';
import { listen, type Stop, type Watch } from './emit';

const TEXT_CHARS = 80;
const DEEPEST = 6;
const TARGETS = 'a,button,label,summary,option,[role],[onclick],input,select,textarea';

/** A short path that people can read: an id ends it. */
export function selectorOf(element: Element): string {
  const steps: string[] = [];
  for (let at: Element | null = element; at && steps.length < DEEPEST; at = at.parentElement) {
    const tag = at.tagName.toLowerCase();
    // Ids with long numbers are made anew for each visitor.
    if (at.id && !/\d{4}/.test(at.id)) {
      steps.unshift(`#${CSS.escape(at.id)}`);
      break;
    }
    const classes = Array.from(at.classList).slice(0, 2);
    steps.unshift(tag + classes.map((name) => `.${CSS.escape(name)}`).join(''));
  }
  return steps.join(' > ');
}

function labelOf(element: Element, watch: Watch): string {
  const { settings } = watch.scrubber();
  if (within(element, settings.maskSelector) || within(element, settings.blockSelector)) return '';
  if (/^(input|textarea|select)$/i.test(element.tagName)) {
    const pushed = /^(submit|button|reset)$/i.test(element.getAttribute('type') ?? '');
    return pushed || shows(element, settings) ? (element as HTMLInputElement).value : '';
  }
  return element.getAttribute('aria-label') ?? element.textContent;
}

export const watchClicks = (watch: Watch): Stop =>
  listen(window, ['click'], (event) => {
    const { clientX, clientY } = event as MouseEvent;
    const hit = event.composedPath()[0] as Element | undefined;
    if (hit?.nodeType !== 1) return;
    const element = hit.closest(TARGETS) ?? hit;
    const text = element.childElementCount > 50 ? '' : labelOf(element, watch);
    watch.say('click', {
      selector: selectorOf(element),
      text: scrubText(text.trim().replace(/\s+/g, ' '), TEXT_CHARS),
      x: Math.round(clientX),
      y: Math.round(clientY),
    });
  });
