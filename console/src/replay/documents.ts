/**
 * Which recorded document shows a moment. A "tab" of the API is one document load, so a visit over five pages has
 * five, one after the other; two windows side by side overlap. Playback follows the reader's choice while it covers
 * the moment, else the document that was opened last before it.
 */
import type { Manifest } from '../api/types';

type Document = Manifest['tabs'][number];

export function inOrder(manifest: Manifest): Document[] {
  return [...manifest.tabs].sort((one, other) => one.from_ms - other.from_ms);
}

export function documentAt(manifest: Manifest, at_ms: number, preferred?: string): string | null {
  const ordered = inOrder(manifest);
  const covers = (each: Document): boolean => each.from_ms <= at_ms && at_ms <= each.to_ms;
  const chosen = ordered.find((each) => each.tab === preferred);
  if (chosen && covers(chosen)) return chosen.tab;
  const covering = ordered.filter(covers).at(-1);
  const before = ordered.filter((each) => each.from_ms <= at_ms).at(-1);
  return (covering ?? before ?? ordered[0])?.tab ?? null;
}

/** The document that goes on after one has ended; null at the end of the session. */
export function documentAfter(manifest: Manifest, tab: string): Document | null {
  const ordered = inOrder(manifest);
  const ended = ordered.find((each) => each.tab === tab);
  if (!ended) return null;
  return ordered.find((each) => each.from_ms > ended.from_ms && each.to_ms > ended.to_ms) ?? null;
}
