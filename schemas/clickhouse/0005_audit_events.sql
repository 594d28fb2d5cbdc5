-- One row per audit event. `id_at` is the time inside the id, which orders and partitions the table.
CREATE TABLE IF NOT EXISTS {db}.audit_events
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
ENGINE = {engine:Replacing(version)}
PARTITION BY toYYYYMM(id_at)
ORDER BY (project, toStartOfHour(id_at), id)
TTL expires_at
SETTINGS {settings};
