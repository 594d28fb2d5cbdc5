-- The replay index: one row per frame. Flush frames (generation 0) and the frames of a session generation both
-- live; readers take the newest generation and every flush frame whose (tab, seq) it lacks.
CREATE TABLE IF NOT EXISTS {db}.segments
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
ENGINE = {engine:Replacing(version)}
PARTITION BY toYYYYMM(started_at)
ORDER BY (project, toStartOfHour(started_at), session_id, generation, tab, seq_from, object, frame)
TTL expires_at
SETTINGS {settings};
