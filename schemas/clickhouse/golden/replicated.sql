-- What a cluster of replicated tables is told (clickhouse.cluster = "main"), made by the test beside ddl.rs. Not run: no
-- Keeper is at hand where the tests run.

CREATE DATABASE IF NOT EXISTS hindsight ON CLUSTER `main` ENGINE = Atomic;

CREATE DATABASE IF NOT EXISTS hindsight_g1 ON CLUSTER `main` ENGINE = Atomic;

CREATE TABLE IF NOT EXISTS hindsight_g1.schema_migrations ON CLUSTER `main`
(number UInt32, name String, digest String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplicatedReplacingMergeTree(applied_at) ORDER BY number SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS hindsight_g1.recorder_events ON CLUSTER `main`
(
    `project` LowCardinality(String),
    `session_id` UUID,
    `started_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `tab` String CODEC(ZSTD(1)),
    `seq` UInt32 CODEC(Delta, ZSTD(1)),
    `index` UInt32 CODEC(Delta, ZSTD(1)),
    `at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `received_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `kind` LowCardinality(String),
    `url` String CODEC(ZSTD(1)),
    `path` String CODEC(ZSTD(1)),
    `title` String CODEC(ZSTD(1)),
    `selector` String CODEC(ZSTD(1)),
    `text` String CODEC(ZSTD(1)),
    `x` Int32 CODEC(ZSTD(1)),
    `y` Int32 CODEC(ZSTD(1)),
    `level` LowCardinality(String),
    `message` String CODEC(ZSTD(1)),
    `method` LowCardinality(String),
    `status` UInt16 CODEC(ZSTD(1)),
    `duration_ms` Float64 CODEC(ZSTD(1)),
    `name` String CODEC(ZSTD(1)),
    `properties` String CODEC(ZSTD(1)),
    `user_id` String CODEC(ZSTD(1)),
    `device_id` String CODEC(ZSTD(1)),
    `source` LowCardinality(String),
    `release` LowCardinality(String),
    `browser` LowCardinality(String),
    `os` LowCardinality(String),
    `device` LowCardinality(String),
    `country` LowCardinality(String),
    `expires_at` DateTime('UTC') CODEC(Delta, ZSTD(1)),
    `log_id` UUID CODEC(ZSTD(1)),
    `log_partition` UInt32 CODEC(ZSTD(1)),
    `log_offset` UInt64 CODEC(Delta, ZSTD(1)),
    `version` UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(started_at)
ORDER BY (project, toStartOfHour(started_at), session_id, tab, seq, `index`)
TTL expires_at
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS hindsight_g1.batches ON CLUSTER `main`
(
    `project` LowCardinality(String),
    `session_id` UUID,
    `started_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `tab` String CODEC(ZSTD(1)),
    `seq` UInt32 CODEC(Delta, ZSTD(1)),
    `first_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `last_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `received_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `appended_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `events` UInt32 CODEC(ZSTD(1)),
    `keyframe` Bool,
    `ended` Bool,
    `is_final` Bool,
    `raw_bytes` UInt64 CODEC(ZSTD(1)),
    `bytes` UInt64 CODEC(ZSTD(1)),
    `clock_offset_ms` Nullable(Int64) CODEC(ZSTD(1)),
    `level` LowCardinality(String),
    `content_sha256` FixedString(32),
    `user_id` String CODEC(ZSTD(1)),
    `user_name` String CODEC(ZSTD(1)),
    `device_id` String CODEC(ZSTD(1)),
    `source` LowCardinality(String),
    `release` LowCardinality(String),
    `browser` LowCardinality(String),
    `os` LowCardinality(String),
    `device` LowCardinality(String),
    `country` LowCardinality(String),
    `screen` LowCardinality(String),
    `entry_url` String CODEC(ZSTD(1)),
    `references` Array(Tuple(`type` String, `id` String, `by` String)) CODEC(ZSTD(1)),
    `pages` UInt32 CODEC(ZSTD(1)),
    `clicks` UInt32 CODEC(ZSTD(1)),
    `inputs` UInt32 CODEC(ZSTD(1)),
    `errors` UInt32 CODEC(ZSTD(1)),
    `expires_at` DateTime('UTC') CODEC(Delta, ZSTD(1)),
    `log_id` UUID CODEC(ZSTD(1)),
    `log_partition` UInt32 CODEC(ZSTD(1)),
    `log_offset` UInt64 CODEC(Delta, ZSTD(1)),
    `version` UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(started_at)
ORDER BY (project, toStartOfHour(started_at), session_id, tab, seq)
TTL expires_at
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS hindsight_g1.sessions ON CLUSTER `main`
(
    `project` LowCardinality(String),
    `session_id` UUID,
    `id_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `started_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `last_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `duration_ms` UInt64 CODEC(ZSTD(1)),
    `active_ms` UInt64 CODEC(ZSTD(1)),
    `source` LowCardinality(String),
    `release` LowCardinality(String),
    `user_id` String CODEC(ZSTD(1)),
    `user_name` String CODEC(ZSTD(1)),
    `device_id` String CODEC(ZSTD(1)),
    `references` Array(Tuple(`type` String, `id` String, `by` String)) CODEC(ZSTD(1)),
    `entry_url` String CODEC(ZSTD(1)),
    `pages` UInt32 CODEC(ZSTD(1)),
    `tabs` UInt32 CODEC(ZSTD(1)),
    `batches` UInt32 CODEC(ZSTD(1)),
    `events` UInt64 CODEC(ZSTD(1)),
    `clicks` UInt32 CODEC(ZSTD(1)),
    `inputs` UInt32 CODEC(ZSTD(1)),
    `errors` UInt32 CODEC(ZSTD(1)),
    `rage_clicks` UInt32 CODEC(ZSTD(1)),
    `browser` LowCardinality(String),
    `os` LowCardinality(String),
    `device` LowCardinality(String),
    `screen` LowCardinality(String),
    `country` LowCardinality(String),
    `raw_bytes` UInt64 CODEC(ZSTD(1)),
    `stored_bytes` UInt64 CODEC(ZSTD(1)),
    `state` LowCardinality(String),
    `clock` LowCardinality(String),
    `generation` UInt32,
    `closed_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `log_partition` UInt32 CODEC(ZSTD(1)),
    `expires_at` DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree(generation)
PARTITION BY toYYYYMM(id_at)
ORDER BY (project, toStartOfHour(id_at), session_id)
TTL expires_at
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS hindsight_g1.segments ON CLUSTER `main`
(
    `project` LowCardinality(String),
    `session_id` UUID,
    `started_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `tab` String CODEC(ZSTD(1)),
    `seq_from` UInt32 CODEC(Delta, ZSTD(1)),
    `seq_to` UInt32 CODEC(Delta, ZSTD(1)),
    `seqs_missing` Array(UInt32) CODEC(ZSTD(1)),
    `from_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `to_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `keyframe` Bool,
    `object` String CODEC(ZSTD(1)),
    `frame` UInt32 CODEC(ZSTD(1)),
    `offset` UInt64 CODEC(Delta, ZSTD(1)),
    `bytes` UInt64 CODEC(ZSTD(1)),
    `raw_bytes` UInt64 CODEC(ZSTD(1)),
    `codec` LowCardinality(String),
    `generation` UInt32 CODEC(ZSTD(1)),
    `events` UInt32 CODEC(ZSTD(1)),
    `url` String CODEC(ZSTD(1)),
    `dictionary` String CODEC(ZSTD(1)),
    `content_sha256` FixedString(32),
    `expires_at` DateTime('UTC') CODEC(Delta, ZSTD(1)),
    `log_id` UUID CODEC(ZSTD(1)),
    `log_partition` UInt32 CODEC(ZSTD(1)),
    `log_offset` UInt64 CODEC(Delta, ZSTD(1)),
    `version` UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(started_at)
ORDER BY (project, toStartOfHour(started_at), session_id, generation, tab, seq_from, object, frame)
TTL expires_at
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

CREATE TABLE IF NOT EXISTS hindsight_g1.audit_events ON CLUSTER `main`
(
    `project` LowCardinality(String),
    `id` UUID,
    `id_at` DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    `source_id` String CODEC(ZSTD(1)),
    `occurred_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `received_at` DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `action` LowCardinality(String),
    `operation` LowCardinality(String),
    `actor_type` LowCardinality(String),
    `user_id` String CODEC(ZSTD(1)),
    `user_name` String CODEC(ZSTD(1)),
    `roles` Array(LowCardinality(String)),
    `targets` Array(Tuple(`type` String, `id` String)) CODEC(ZSTD(1)),
    `outcome` LowCardinality(String),
    `error` String CODEC(ZSTD(1)),
    `ip` String CODEC(ZSTD(1)),
    `user_agent` String CODEC(ZSTD(1)),
    `device` String CODEC(ZSTD(1)),
    `session_id` UUID CODEC(ZSTD(1)),
    `tab` String CODEC(ZSTD(1)),
    `trace_id` String CODEC(ZSTD(1)),
    `references` Array(Tuple(`type` String, `id` String, `by` String)) CODEC(ZSTD(1)),
    `changed` Array(String) CODEC(ZSTD(1)),
    `was` Array(String) CODEC(ZSTD(1)),
    `now` Array(String) CODEC(ZSTD(1)),
    `measures` Map(String, Float64) CODEC(ZSTD(1)),
    `class` LowCardinality(String),
    `expires_at` DateTime('UTC') CODEC(Delta, ZSTD(1)),
    `log_id` UUID CODEC(ZSTD(1)),
    `log_partition` UInt32 CODEC(ZSTD(1)),
    `log_offset` UInt64 CODEC(Delta, ZSTD(1)),
    `version` UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree(version)
PARTITION BY toYYYYMM(id_at)
ORDER BY (project, toStartOfHour(id_at), id)
TTL expires_at
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800;

ALTER TABLE hindsight_g1.segments ON CLUSTER `main` ADD COLUMN IF NOT EXISTS `seqs_held` Array(UInt32) CODEC(ZSTD(1)) AFTER `seqs_missing`;

CREATE OR REPLACE VIEW hindsight.batches ON CLUSTER `main` AS
SELECT project, session_id, tab, seq, first_at, last_at, received_at, events, keyframe, raw_bytes, bytes,
       clock_offset_ms, level, log_partition, log_offset, started_at AS id_at
FROM hindsight_g1.batches FINAL
WHERE expires_at > now();

CREATE OR REPLACE VIEW hindsight.events ON CLUSTER `main` AS
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
FROM hindsight_g1.recorder_events AS e FINAL
INNER JOIN
(
    SELECT w.project AS project, w.session_id AS session_id, w.started_at AS started_at, w.log_id AS log_id, w.log_partition AS log_partition,
           w.log_offset AS log_offset, s.user_id AS user_id, s.device_id AS device_id, s.source AS source,
           s.release AS release
    FROM hindsight_g1.batches AS w FINAL
    LEFT ANY JOIN
    (
        SELECT project, session_id, started_at,
               argMaxIf(user_id, last_at, user_id != '') AS user_id,
               argMaxIf(device_id, last_at, device_id != '') AS device_id,
               argMaxIf(source, last_at, source != '') AS source,
               argMaxIf(release, last_at, release != '') AS release
        FROM hindsight_g1.batches FINAL
        GROUP BY project, session_id, started_at
    ) AS s ON w.project = s.project AND w.session_id = s.session_id AND w.started_at = s.started_at
) AS b
    ON e.project = b.project AND e.session_id = b.session_id AND e.started_at = b.started_at
    AND e.log_id = b.log_id AND e.log_partition = b.log_partition AND e.log_offset = b.log_offset
WHERE e.expires_at > now();

CREATE OR REPLACE VIEW hindsight.sessions ON CLUSTER `main` AS
SELECT project, session_id, source, release, started_at, last_at, duration_ms, active_ms, user_id, user_name,
       device_id, references, entry_url, pages, tabs, batches, events, clicks, inputs, errors, rage_clicks, browser,
       os, device, screen, country, raw_bytes, stored_bytes, state, clock, id_at
FROM hindsight_g1.sessions FINAL
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
FROM hindsight_g1.batches AS b FINAL
LEFT ANTI JOIN (SELECT project, session_id, id_at FROM hindsight_g1.sessions) AS closed
    ON b.project = closed.project AND b.session_id = closed.session_id AND b.started_at = closed.id_at
WHERE b.expires_at > now()
GROUP BY b.project, b.session_id, b.started_at;

CREATE OR REPLACE VIEW hindsight.segments ON CLUSTER `main` AS
SELECT f.project AS project, f.session_id AS session_id, f.tab AS tab, f.seq_from AS seq_from, f.seq_to AS seq_to,
       f.from_at AS from_at, f.to_at AS to_at, f.keyframe AS keyframe, f.object AS object, f.`offset` AS `offset`,
       f.bytes AS bytes, f.raw_bytes AS raw_bytes, f.codec AS codec, f.generation AS generation
FROM
(
    SELECT *, row_number() OVER (
               PARTITION BY project, session_id, generation, tab, seq_from ORDER BY log_offset, log_partition, frame
           ) AS place
    FROM hindsight_g1.segments FINAL
    WHERE expires_at > now()
) AS f
LEFT ANY JOIN
(
    SELECT project, session_id, max(generation) AS newest,
           groupArrayIf((generation, tab, seq_from, seq_to, seqs_missing, seqs_held), generation > 0) AS frames
    FROM hindsight_g1.segments FINAL
    GROUP BY project, session_id
) AS g ON f.project = g.project AND f.session_id = g.session_id
WHERE (f.generation > 0 AND f.generation = g.newest)
   OR (f.generation = 0 AND f.place = 1 AND NOT arrayExists(
          held -> held.1 = g.newest AND held.2 = f.tab AND held.3 <= f.seq_from AND held.4 >= f.seq_from
              AND if(empty(held.6), NOT has(held.5, f.seq_from), has(held.6, f.seq_from)), g.frames));

CREATE OR REPLACE VIEW hindsight.audit ON CLUSTER `main` AS
SELECT project, id, source_id, occurred_at, received_at, action, operation, actor_type, user_id, user_name, roles,
       targets, outcome, error, ip, user_agent, device, session_id, tab, trace_id, references, changed, was, now,
       measures, class, log_partition, log_offset
FROM hindsight_g1.audit_events FINAL
WHERE expires_at > now();
