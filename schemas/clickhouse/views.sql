-- The tables for people (API.md 'Analytics'), duplicates out, and what is past its time, which stays in the tables
-- until the next merge of its part. Applied anew at each migration, so this is not numbered.
--
-- `id_at` is the time inside a session's id. Rows lie by it, so a condition on it beside `session_id` makes a look-up read
-- an hour of its month instead of the table; it is told on to every table that a view reads.

CREATE OR REPLACE VIEW hindsight.batches AS
SELECT project, session_id, tab, seq, first_at, last_at, received_at, events, keyframe, raw_bytes, bytes,
       clock_offset_ms, level, log_partition, log_offset, started_at AS id_at
FROM {db}.batches FINAL
WHERE expires_at > now();

-- An event row counts only if its position is that of its batch's winner. What only some batches of a session tell
-- (user, device, source, release) is filled from the session's batches: the latest that names it. The position alone
-- would find the winner; project and session are joined on too, so that conditions on them reach the batches, and the
-- facts are joined to the batches first, which are few, so that events are looked up once.
CREATE OR REPLACE VIEW hindsight.events AS
SELECT e.project AS project, e.session_id AS session_id, e.tab AS tab, e.seq AS seq, e.`index` AS `index`, e.at AS at,
       e.received_at AS received_at, e.kind AS kind, e.url AS url, e.path AS path, e.title AS title,
       e.selector AS selector, e.text AS text, e.x AS x, e.y AS y, e.level AS level, e.message AS message,
       e.method AS method, e.status AS status, e.duration_ms AS duration_ms, e.name AS name,
       e.properties AS properties,
       if(e.user_id = '', b.user_id, e.user_id) AS user_id,
       if(e.device_id = '', b.device_id, e.device_id) AS device_id,
       if(e.source = '', b.source, e.source) AS source,
       if(e.release = '', b.release, e.release) AS release,
       e.browser AS browser, e.os AS os, e.device AS device, e.country AS country, e.started_at AS id_at
FROM {db}.recorder_events AS e FINAL
INNER JOIN
(
    SELECT w.project AS project, w.session_id AS session_id, w.started_at AS started_at, w.log_id AS log_id, w.log_partition AS log_partition,
           w.log_offset AS log_offset, s.user_id AS user_id, s.device_id AS device_id, s.source AS source,
           s.release AS release
    FROM {db}.batches AS w FINAL
    LEFT ANY JOIN
    (
        SELECT project, session_id, started_at,
               argMaxIf(user_id, last_at, user_id != '') AS user_id,
               argMaxIf(device_id, last_at, device_id != '') AS device_id,
               argMaxIf(source, last_at, source != '') AS source,
               argMaxIf(release, last_at, release != '') AS release
        FROM {db}.batches FINAL
        GROUP BY project, session_id, started_at
    ) AS s ON w.project = s.project AND w.session_id = s.session_id AND w.started_at = s.started_at
) AS b
    ON e.project = b.project AND e.session_id = b.session_id AND e.started_at = b.started_at
    AND e.log_id = b.log_id AND e.log_partition = b.log_partition AND e.log_offset = b.log_offset
WHERE e.expires_at > now();

-- Closed sessions as they were closed, and the open ones from their batches so far: `active_ms` is then the time
-- that batches cover, and rage clicks, which need the whole session, are not yet counted.
CREATE OR REPLACE VIEW hindsight.sessions AS
SELECT project, session_id, source, release, started_at, last_at, duration_ms, active_ms, user_id, user_name,
       device_id, references, entry_url, pages, tabs, batches, events, clicks, inputs, errors, rage_clicks, browser,
       os, device, screen, country, raw_bytes, stored_bytes, state, clock, id_at
FROM {db}.sessions FINAL
WHERE expires_at > now()
UNION ALL
SELECT b.project AS project, b.session_id AS session_id,
       argMaxIf(b.source, b.last_at, b.source != '') AS source,
       argMaxIf(b.release, b.last_at, b.release != '') AS release,
       min(b.first_at) AS started_at,
       max(b.last_at) AS last_at,
       toUInt64(greatest(dateDiff('millisecond', started_at, last_at), 0)) AS duration_ms,
       least(sum(toUInt64(greatest(dateDiff('millisecond', b.first_at, b.last_at), 0))), duration_ms) AS active_ms,
       argMaxIf(b.user_id, b.last_at, b.user_id != '') AS user_id,
       argMaxIf(b.user_name, b.last_at, b.user_id != '') AS user_name,
       argMaxIf(b.device_id, b.last_at, b.device_id != '') AS device_id,
       arraySort(groupUniqArrayArray(b.references)) AS references,
       argMinIf(b.entry_url, b.first_at, b.entry_url != '') AS entry_url,
       toUInt32(sum(b.pages)) AS pages,
       toUInt32(uniqExact(b.tab)) AS tabs,
       toUInt32(count()) AS batches,
       sum(b.events) AS events,
       toUInt32(sum(b.clicks)) AS clicks,
       toUInt32(sum(b.inputs)) AS inputs,
       toUInt32(sum(b.errors)) AS errors,
       toUInt32(0) AS rage_clicks,
       argMaxIf(b.browser, b.last_at, b.browser != '') AS browser,
       argMaxIf(b.os, b.last_at, b.os != '') AS os,
       argMaxIf(b.device, b.last_at, b.device != '') AS device,
       argMaxIf(b.screen, b.last_at, b.screen != '') AS screen,
       argMaxIf(b.country, b.last_at, b.country != '') AS country,
       sum(b.raw_bytes) AS raw_bytes,
       sum(b.bytes) AS stored_bytes,
       'receiving' AS state,
       if(max(abs(ifNull(b.clock_offset_ms, 0))) > 300000, 'suspect', 'ok') AS clock,
       b.started_at AS id_at
FROM {db}.batches AS b FINAL
LEFT ANTI JOIN (SELECT project, session_id, id_at FROM {db}.sessions) AS closed
    ON b.project = closed.project AND b.session_id = closed.session_id AND b.started_at = closed.id_at
WHERE b.expires_at > now()
GROUP BY b.project, b.session_id, b.started_at;

-- What a player would use: the newest generation of each session, and the winning flush frames it lacks.
CREATE OR REPLACE VIEW hindsight.segments AS
SELECT f.project AS project, f.session_id AS session_id, f.tab AS tab, f.seq_from AS seq_from, f.seq_to AS seq_to,
       f.from_at AS from_at, f.to_at AS to_at, f.keyframe AS keyframe, f.object AS object, f.`offset` AS `offset`,
       f.bytes AS bytes, f.raw_bytes AS raw_bytes, f.codec AS codec, f.generation AS generation
FROM
(
    SELECT *, row_number() OVER (
               PARTITION BY project, session_id, generation, tab, seq_from ORDER BY log_offset, log_partition, frame
           ) AS place
    FROM {db}.segments FINAL
    WHERE expires_at > now()
) AS f
LEFT ANY JOIN
(
    SELECT project, session_id, max(generation) AS newest,
           groupArrayIf((generation, tab, seq_from, seq_to, seqs_missing, seqs_held), generation > 0) AS frames
    FROM {db}.segments FINAL
    GROUP BY project, session_id
) AS g ON f.project = g.project AND f.session_id = g.session_id
WHERE (f.generation > 0 AND f.generation = g.newest)
   OR (f.generation = 0 AND f.place = 1 AND NOT arrayExists(
          held -> held.1 = g.newest AND held.2 = f.tab AND held.3 <= f.seq_from AND held.4 >= f.seq_from
              AND if(empty(held.6), NOT has(held.5, f.seq_from), has(held.6, f.seq_from)), g.frames));

CREATE OR REPLACE VIEW hindsight.audit AS
SELECT project, id, source_id, occurred_at, received_at, action, operation, actor_type, user_id, user_name, roles,
       targets, outcome, error, ip, user_agent, device, session_id, tab, trace_id, references, changed, was, now,
       measures, class, log_partition, log_offset
FROM {db}.audit_events FINAL
WHERE expires_at > now();
