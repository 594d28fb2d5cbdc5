-- Closed sessions, one row per generation; the greatest generation wins. `id_at` is the time inside the session id.
CREATE TABLE IF NOT EXISTS {db}.sessions
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
ENGINE = {engine:Replacing(generation)}
PARTITION BY toYYYYMM(id_at)
ORDER BY (project, toStartOfHour(id_at), session_id)
TTL expires_at
SETTINGS {settings};
