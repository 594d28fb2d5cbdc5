/** Words for what a recording lacks. The server's reasons are codes; a recorder's own reason is shown as it came. */
import type { Gap, Marker } from '../api/types';

type Translate = (key: string, named?: Record<string, unknown>) => string;
type Reason = Pick<Gap, 'reason' | 'detail' | 'seq_from' | 'seq_to' | 'events'>;

const KNOWN = ['missing_batches', 'unreadable_frames', 'recorder'];

export function gapText(t: Translate, gap: Reason): string {
  if (!KNOWN.includes(gap.reason)) return gap.reason;
  const said = gap.detail ? ` (${gap.detail})` : '';
  const events = gap.events ? ` – ${t('replay.gapEvents', { n: gap.events })}` : '';
  if (gap.reason === 'recorder') return `${t('replay.reasons.recorder')}${said}${events}`;
  const batches = { from: gap.seq_from ?? '?', to: gap.seq_to ?? '?' };
  return t(`replay.reasons.${gap.reason}`, batches);
}

/** What a mark is about; of a gap the reason in words. */
export function markerText(t: Translate, marker: Marker): string {
  const label = marker.label ?? '';
  if (marker.kind === 'gap') {
    const told = !KNOWN.includes(label);
    return gapText(t, {
      reason: told ? 'recorder' : label,
      detail: told ? label : null,
      seq_from: marker.seq,
      seq_to: marker.seq_to,
    });
  }
  return label || marker.url || marker.selector || marker.kind;
}
