//! Settings of the client: `[search] kind = "elasticsearch"`.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// Where Elasticsearch is, who we are there, and how its indices are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticsearchOptions {
    /// Nodes of one cluster, asked in turn.
    pub urls: Vec<String>,
    /// API key as Elasticsearch gives it (`encoded`); empty: by user and password, or without either.
    pub api_key: Secret,
    /// User, where no API key is set.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// PEM file with the authority that signed the nodes' certificates; empty: the public ones.
    pub ca_certificate: PathBuf,
    /// Primary shards of each new index.
    pub shards: u32,
    /// Copies of each shard beside the primary. With 0 a lost disk loses the view until it is rebuilt.
    pub replicas: u32,
    /// How long a request may take, from connecting to the last byte.
    pub request_seconds: u64,
    /// Documents of one bulk request.
    pub bulk_documents: usize,
    /// Bytes of one bulk request; a larger document is a request of its own.
    pub bulk_bytes: usize,
    /// How often a request, or the items that it left, are tried before the lane is told.
    pub attempts: u32,
}

impl Default for ElasticsearchOptions {
    fn default() -> Self {
        Self {
            urls: vec!["http://127.0.0.1:9200".into()],
            api_key: Secret::default(),
            user: String::new(),
            password: Secret::default(),
            ca_certificate: PathBuf::new(),
            shards: 1,
            replicas: 1,
            request_seconds: 30,
            bulk_documents: 5_000,
            bulk_bytes: 8 << 20,
            attempts: 5,
        }
    }
}

impl ElasticsearchOptions {
    pub(super) fn request_limit(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }
}
