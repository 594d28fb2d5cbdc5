-- One row per meaningful recorder event. Rows of a batch that lost to a twin stay here (their index may be free
-- in the winner); readers join them with the winning batch, as the view `events` does.
CREATE TABLE IF NOT EXISTS {db}.recorder_events
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
ENGINE = {engine:Replacing(version)}
PARTITION BY toYYYYMM(started_at)
ORDER BY (project, toStartOfHour(started_at), session_id, tab, seq, `index`)
TTL expires_at
SETTINGS {settings};
