-- One row per accepted batch; the row with the lowest position of an identity is the batch's winner.
CREATE TABLE IF NOT EXISTS {db}.batches
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
ENGINE = {engine:Replacing(version)}
PARTITION BY toYYYYMM(started_at)
ORDER BY (project, toStartOfHour(started_at), session_id, tab, seq)
TTL expires_at
SETTINGS {settings};
