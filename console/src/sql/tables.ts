/** The tables for people and queries to start from. Names are the contract's; completion in the editor uses them. */
export const TABLES: Record<string, string[]> = {
  events:
    'project session_id tab seq index at received_at kind url path title selector text x y level message method status duration_ms name properties user_id device_id source release browser os device country id_at'.split(
      ' ',
    ),
  batches:
    'project session_id tab seq first_at last_at received_at events keyframe raw_bytes bytes clock_offset_ms level log_partition log_offset id_at'.split(
      ' ',
    ),
  sessions:
    'session_id project source release started_at last_at duration_ms active_ms user_id user_name device_id references entry_url pages tabs batches events clicks inputs errors rage_clicks browser os device screen country raw_bytes stored_bytes state clock id_at'.split(
      ' ',
    ),
  segments:
    'project session_id tab seq_from seq_to from_at to_at keyframe object offset bytes raw_bytes codec generation'.split(
      ' ',
    ),
  audit:
    'project id source_id occurred_at received_at action operation actor_type user_id user_name roles targets outcome error ip user_agent device session_id tab trace_id references changed was now measures class log_partition log_offset'.split(
      ' ',
    ),
};

export interface Sample {
  name: 'days' | 'kinds' | 'pages' | 'audit' | 'refunds' | 'errors' | 'bytes';
  statement: string;
}

export const SAMPLES: Sample[] = [
  {
    name: 'kinds',
    statement: 'SELECT kind, count() AS events\nFROM events\nGROUP BY kind\nORDER BY events DESC',
  },
  {
    name: 'days',
    statement:
      'SELECT toDate(started_at) AS day, count() AS sessions, uniq(user_id) AS users\nFROM sessions\nGROUP BY day\nORDER BY day',
  },
  {
    name: 'pages',
    statement:
      "SELECT path, count() AS views, uniq(session_id) AS sessions\nFROM events\nWHERE kind = 'page'\nGROUP BY path\nORDER BY views DESC\nLIMIT 20",
  },
  {
    name: 'audit',
    statement:
      "SELECT action, countIf(outcome = 'success') AS succeeded, countIf(outcome != 'success') AS failed\nFROM audit\nGROUP BY action\nORDER BY succeeded + failed DESC\nLIMIT 30",
  },
  {
    name: 'refunds',
    statement:
      "SELECT action, count() AS events, sum(measures['amount']) AS amount\nFROM audit\nGROUP BY action\nHAVING amount > 0\nORDER BY amount DESC",
  },
  {
    name: 'errors',
    statement:
      "SELECT at, session_id, url, message\nFROM events\nWHERE kind = 'error' OR (kind = 'console' AND level = 'error')\nORDER BY at DESC\nLIMIT 100",
  },
  {
    name: 'bytes',
    statement:
      'SELECT toStartOfMinute(received_at) AS minute, sum(raw_bytes) AS raw_bytes, sum(bytes) AS stored_bytes\nFROM batches\nGROUP BY minute\nORDER BY minute',
  },
];
