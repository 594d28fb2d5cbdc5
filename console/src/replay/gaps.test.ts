import { expect, it } from 'vitest';
import { gapText, markerText } from './gaps';

const t = (key: string, named?: Record<string, unknown>): string =>
  named ? `${key} ${JSON.stringify(named)}` : key;

it('says which batches are not there, and what a recorder told', () => {
  expect(gapText(t, { reason: 'missing_batches', seq_from: 5, seq_to: 7 })).toBe(
    'replay.reasons.missing_batches {"from":5,"to":7}',
  );
  expect(gapText(t, { reason: 'recorder', detail: 'offline', events: 12 })).toBe(
    'replay.reasons.recorder (offline) – replay.gapEvents {"n":12}',
  );
  expect(gapText(t, { reason: 'of_a_newer_server' })).toBe('of_a_newer_server');
});

it('names a mark by its gap, or by what it shows', () => {
  const mark = { at_ms: 0, offset_ms: 0 };
  expect(markerText(t, { ...mark, kind: 'gap', label: 'unreadable_frames', seq: 3, seq_to: 3 })).toBe(
    'replay.reasons.unreadable_frames {"from":3,"to":3}',
  );
  expect(markerText(t, { ...mark, kind: 'gap', label: 'offline' })).toBe('replay.reasons.recorder (offline)');
  expect(markerText(t, { ...mark, kind: 'click', label: '', selector: 'button.pay' })).toBe('button.pay');
});
