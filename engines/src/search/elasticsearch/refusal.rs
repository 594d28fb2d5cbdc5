//! What stops the lane until a person acts: each with what to do. None of them blames a document.

/// Why Elasticsearch takes nothing for now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A block on writes, set by hand or by the flood stage of a full disk.
    #[error(
        "index {index} is read-only ({words}): free disk space, then PUT {index}/_settings \
         {{\"index.blocks.read_only_allow_delete\":null,\"index.blocks.read_only\":null,\"index.blocks.write\":null}}"
    )]
    ReadOnly {
        /// Which.
        index: String,
        /// The engine's own.
        words: String,
    },
    /// Neither read nor written.
    #[error("index {index} is closed: POST {index}/_open")]
    Closed {
        /// Which.
        index: String,
    },
    /// 401.
    #[error("credentials are not valid ({words}): set search.api_key, or user and password, to valid ones")]
    Credentials {
        /// The engine's own.
        words: String,
    },
    /// 403.
    #[error(
        "a right is missing ({words}): grant monitor and manage_index_templates on the cluster, and all on \
         hindsight-*"
    )]
    Right {
        /// The engine's own.
        words: String,
    },
    /// Somebody's mapping, not ours.
    #[error(
        "field {field} of index {index} is mapped as {found}, not as {wanted}: stop what makes views and run \
         `hindsight rebuild search`"
    )]
    Mapping {
        /// Which index.
        index: String,
        /// Which of its fields.
        field: String,
        /// How it is.
        found: String,
        /// How it must be.
        wanted: String,
    },
    /// The cluster's limit on shards.
    #[error(
        "no more shards may be opened ({words}): raise cluster.max_shards_per_node or drop old generations"
    )]
    Shards {
        /// The engine's own.
        words: String,
    },
    /// One document is more than the server takes in a request.
    #[error(
        "a document of {bytes} bytes is over what the server takes ({words}): raise http.max_content_length"
    )]
    TooLarge {
        /// Of the document.
        bytes: usize,
        /// The engine's own.
        words: String,
    },
    /// An index that was there is gone.
    #[error("index {index} is gone: stop what makes views and run `hindsight rebuild search`")]
    Gone {
        /// Which.
        index: String,
    },
    /// Too old, or nothing that we know.
    #[error("the server says it is version {found:?}, not 8 or 9: use one that is")]
    Version {
        /// What it said.
        found: String,
    },
}
