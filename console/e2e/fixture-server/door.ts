/** The writers' side, as far as the page 'Add to your site' needs it: one browser key, and its last calls. */
import type { AcceptedCall, KeyList, RefusedCall } from '../../src/api/types';

const KEY = 'hs_browser_fixture';

export class Door {
  private accepted: AcceptedCall | null = null;
  private refused: RefusedCall | null = null;
  private unknown: RefusedCall | null = null;

  /** Takes a batch; why not, where it doesn't. */
  take(session: string, key: string | null, body: string): { status: number; reason: string } | null {
    const received_at = new Date().toISOString();
    const refuse = (reason: string): RefusedCall => ({
      received_at,
      origin: '',
      reason,
      title: reason,
      detail: `fixture: ${reason}`,
    });
    if (key !== KEY) {
      this.unknown = refuse('unknown_key');
      return { status: 401, reason: 'unknown_key' };
    }
    if (!body.startsWith('[')) {
      this.refused = refuse('not_rrweb');
      return { status: 422, reason: 'not_rrweb' };
    }
    this.accepted = { received_at, origin: '', session_id: session };
    return null;
  }

  has(session: string): boolean {
    return this.accepted?.session_id === session;
  }

  keys(): KeyList {
    const key = { id: 'browser', kind: 'browser', project: 'demo', key: KEY } as const;
    return {
      items: [{ ...key, last_accepted: this.accepted, last_refused: this.refused }],
      next: null,
      unknown_refused: this.unknown,
      watched: true,
    };
  }
}
