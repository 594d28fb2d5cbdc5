/** The way from an audit event to its second in the replay: a little before, so that the cause is seen. */
import type { RouteLocationRaw } from 'vue-router';
import type { Moment } from '../api/types';

const LEAD_MS = 800;

export function momentLink(moment: Moment): RouteLocationRaw {
  return {
    name: 'replay',
    params: { session_id: moment.session_id },
    query: {
      at: String(Math.max(0, Math.round(moment.offset_ms - LEAD_MS))),
      ...(moment.tab ? { tab: moment.tab } : {}),
    },
  };
}
