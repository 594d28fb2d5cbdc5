-- What a cluster of replicated tables is told (clickhouse.cluster = "main"), made by the test beside ddl.rs. Not run: no
-- Keeper is at hand where the tests run.

