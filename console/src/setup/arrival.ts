/**
 * What the reader is told of the calls that arrive: of those with the browser key, and of those with a key that nobody
 * knows, since a mistyped key is one of these. The demo's visits use the same key, so what had arrived before the
 * page was opened isn't taken for the reader's own.
 */
import type { AcceptedCall, KeyList, RefusedCall } from '../api/types';

/** What had happened when the page was opened. */
export interface Baseline {
  accepted: string;
  unknown: string;
}

export interface Arrival {
  state: 'waiting' | 'received' | 'refused';
  accepted: AcceptedCall | null;
  refused: RefusedCall | null;
}

export const browserKey = (list: KeyList): KeyList['items'][number] | undefined =>
  list.items.find(({ kind }) => kind === 'browser');

export function baseline(list: KeyList): Baseline {
  return {
    accepted: browserKey(list)?.last_accepted?.received_at ?? '',
    unknown: list.unknown_refused?.received_at ?? '',
  };
}

/** Times are of one server and one form, so they compare as texts. */
export function arrival(list: KeyList, before: Baseline): Arrival {
  const key = browserKey(list);
  const accepted = key?.last_accepted ?? null;
  const acceptedAt = accepted?.received_at ?? '';
  const unknown = list.unknown_refused ?? null;
  const candidates = [key?.last_refused, unknown && unknown.received_at > before.unknown ? unknown : null];
  const refused = candidates
    .filter((call) => call !== null && call !== undefined)
    .filter((call) => call.received_at > acceptedAt)
    .reduce<RefusedCall | null>(
      (last, call) => (last && last.received_at > call.received_at ? last : call),
      null,
    );
  if (refused) return { state: 'refused', accepted, refused };
  return { state: acceptedAt > before.accepted ? 'received' : 'waiting', accepted, refused: null };
}
