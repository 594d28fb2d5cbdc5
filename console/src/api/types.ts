/**
 * The shapes of the HTTP contract (docs of the API: `GET /openapi.json`), as far as the console reads them.
 * Fields that a server may leave out are optional here: the pages must show a session of an older server too.
 */

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Reference {
  type: string;
  id: string;
}

export type SessionState = 'receiving' | 'stored' | 'complete' | 'damaged';

export interface SessionFacts {
  session_id: string;
  project?: string;
  source?: string;
  release?: string;
  started_at: string;
  last_at: string;
  duration_ms: number;
  active_ms?: number;
  user_id?: string | null;
  user_name?: string | null;
  device_id?: string | null;
  references?: (Reference & { by?: 'page' | 'service' })[];
  entry_url?: string | null;
  pages?: number;
  tabs?: number;
  batches?: number;
  events?: number;
  clicks?: number;
  inputs?: number;
  errors?: number;
  rage_clicks?: number;
  browser?: string | null;
  os?: string | null;
  device?: string | null;
  screen?: string | null;
  country?: string | null;
  raw_bytes?: number;
  stored_bytes?: number;
  state: SessionState;
  clock?: string | null;
}

export interface Frame {
  frame: string | number;
  tab: string;
  from_ms: number;
  to_ms: number;
  keyframe?: boolean;
  events?: number;
  bytes?: number;
  raw_bytes?: number;
  url?: string | null;
}

export interface Gap {
  tab: string;
  from_ms: number;
  to_ms: number;
  /** Batches that are not there; none where a recorder told the gap. */
  seq_from?: number | null;
  seq_to?: number | null;
  /** `missing_batches`, `unreadable_frames` or `recorder`. */
  reason: string;
  /** The recorder's own reason, and how many events it left out. */
  detail?: string | null;
  events?: number | null;
}

export interface Manifest {
  session: SessionFacts;
  tabs: { tab: string; from_ms: number; to_ms: number; events?: number }[];
  frames?: Frame[];
  gaps?: Gap[];
  conflicts?: unknown[];
  inactive?: { from_ms: number; to_ms: number }[];
  state: SessionState;
  started_at_ms: number;
  duration_ms: number;
  player_version?: string;
}

export interface Marker {
  kind: string;
  at_ms: number;
  offset_ms: number;
  tab?: string | null;
  seq?: number | null;
  /** Of a gap: its last batch. */
  seq_to?: number | null;
  index?: number | null;
  label?: string | null;
  url?: string | null;
  level?: string | null;
  audit_id?: string | null;
  selector?: string | null;
  status?: number | null;
}

export interface Moment {
  session_id: string;
  tab?: string | null;
  offset_ms: number;
  match?: 'trace' | 'clock';
}

export interface Change {
  path: string;
  was?: unknown;
  now?: unknown;
}

export interface AuditEvent {
  id: string;
  source_id?: string | null;
  occurred_at: string;
  received_at?: string;
  action: string;
  operation?: string;
  actor?: { type?: string; id?: string; name?: string | null; roles?: string[] } | null;
  targets?: Reference[];
  outcome?: string;
  error?: string | null;
  request?: unknown;
  response?: unknown;
  before?: unknown;
  after?: unknown;
  patch?: Change[];
  measures?: Record<string, number> | null;
  origin?: { ip?: string | null; user_agent?: string | null; device?: string | null } | null;
  session_id?: string | null;
  tab?: string | null;
  trace_id?: string | null;
  references?: Reference[];
  class?: string;
  moment?: Moment | null;
}

export interface AuditPage extends Page<AuditEvent> {
  total?: number;
  complete_to?: string | null;
}

export interface CaseFile {
  reference: Reference;
  sessions: SessionFacts[];
  audit: AuditEvent[];
}

export interface SqlAnswer {
  meta: { name: string; type: string }[];
  data: Record<string, unknown>[];
  rows: number;
  statistics?: { elapsed?: number; rows_read?: number; bytes_read?: number };
}

export interface AcceptedCall {
  received_at: string;
  origin: string;
  session_id?: string | null;
}

export interface RefusedCall {
  received_at: string;
  origin: string;
  reason: string;
  title: string;
  detail: string;
}

export interface Key {
  id: string;
  kind: 'browser' | 'app' | 'server';
  project: string;
  /** None of a server key. */
  key?: string | null;
  last_accepted?: AcceptedCall | null;
  last_refused?: RefusedCall | null;
}

export interface KeyList extends Page<Key> {
  /** The last call whose key nobody knows. */
  unknown_refused?: RefusedCall | null;
  watched: boolean;
}

export interface Me {
  user: string;
  roles?: string[];
  projects?: string[];
}
