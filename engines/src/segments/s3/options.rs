//! Settings of the bucket: `[segments] kind = "s3"`.

use std::path::PathBuf;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut, S3CopyIfNotExists};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::segments::StoreError;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Where the objects are, and who we are there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Options {
    /// The bucket. It is never made: its rules are the owner's.
    pub bucket: String,
    /// What all names begin with, for a bucket that others use too.
    pub prefix: String,
    /// Address of a store that isn't AWS; empty: AWS in `region`.
    pub endpoint: String,
    /// Its region.
    pub region: String,
    /// The key's id; empty: from the environment or the machine's role, as AWS's own tools do.
    pub access_key: String,
    /// Its secret.
    pub secret_key: Secret,
    /// The bucket is part of the host's name, not of the path.
    pub virtual_hosted: bool,
    /// PEM file with the authority that signed the store's certificate; empty: the public ones.
    pub ca_certificate: PathBuf,
    /// How long one request may take, from connecting to the last byte.
    pub request_seconds: u64,
    /// How long a request is tried again after 5xx, 429 and broken connections.
    pub retry_seconds: u64,
    /// How often at most.
    pub retries: usize,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            bucket: "hindsight".into(),
            prefix: String::new(),
            endpoint: String::new(),
            region: "us-east-1".into(),
            access_key: String::new(),
            secret_key: Secret::default(),
            virtual_hosted: false,
            ca_certificate: PathBuf::new(),
            request_seconds: 60,
            retry_seconds: 60,
            retries: 8,
        }
    }
}

impl S3Options {
    pub(super) fn client(&self) -> Result<AmazonS3, StoreError> {
        let mut builder = if self.access_key.is_empty() {
            AmazonS3Builder::from_env()
        } else {
            AmazonS3Builder::new()
                .with_access_key_id(&self.access_key)
                .with_secret_access_key(self.secret_key.reveal())
        };
        if !self.endpoint.is_empty() {
            builder = builder.with_endpoint(self.endpoint.trim_end_matches('/'));
        }
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: self.retries,
            retry_timeout: Duration::from_secs(self.retry_seconds),
        };
        builder
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(self.virtual_hosted)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
            // We remove one object at a time, and not every store knows the request for many.
            .with_disable_bulk_delete(true)
            .with_retry(retry)
            .with_client_options(self.connection()?)
            .build()
            .map_err(|error| StoreError::Settings(format!("segments: client can't be made: {error}")))
    }

    fn connection(&self) -> Result<ClientOptions, StoreError> {
        let mut options = ClientOptions::new()
            .with_allow_http(self.endpoint.starts_with("http://"))
            .with_connect_timeout(CONNECT_LIMIT)
            .with_timeout(Duration::from_secs(self.request_seconds));
        if !self.ca_certificate.as_os_str().is_empty() {
            let path = self.ca_certificate.display();
            let wrong = |error: &dyn std::fmt::Display| {
                StoreError::Settings(format!("segments.ca_certificate {path}: {error}"))
            };
            let pem = std::fs::read(&self.ca_certificate).map_err(|error| wrong(&error))?;
            for certificate in Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))? {
                options = options.with_root_certificate(certificate);
            }
        }
        Ok(options)
    }
}
