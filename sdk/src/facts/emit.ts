/** What the observers here are given: a way to say a fact (`hindsight.<name>`), and what may be said. */
import type { Scrubber } from '../privacy/scrub';

export interface Watch {
  say: (name: string, payload: Record<string, unknown>) => void;
  /** The current one: it changes with the project's settings. */
  scrubber: () => Scrubber;
  /** Addresses of our own calls are no facts about the page. */
  isOurs: (url: string) => boolean;
}

/** Undoes what an observer did to the page. */
export type Stop = () => void;

/** Replaces a function of the page; undone only where nobody replaced it after us. */
export function wrap<T extends object, K extends keyof T>(
  owner: T,
  name: K,
  make: (before: T[K]) => T[K],
): Stop {
  const before = owner[name];
  const ours = make(before);
  try {
    owner[name] = ours;
  } catch {
    return () => undefined;
  }
  return () => {
    if (owner[name] === ours) owner[name] = before;
  };
}

/** Listens in the capture phase: a page that stops an event doesn't hide it from us. */
export function listen(target: EventTarget, names: string[], heard: (event: Event) => void): Stop {
  const safely = (event: Event): void => {
    try {
      heard(event);
    } catch {
      // A fact less is better than an error in the page.
    }
  };
  for (const name of names) target.addEventListener(name, safely, { capture: true, passive: true });
  return () => {
    for (const name of names) target.removeEventListener(name, safely, { capture: true });
  };
}
