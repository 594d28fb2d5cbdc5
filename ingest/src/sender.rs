//! Whom a refusal is told about: the key and the origin of a request, for what is remembered of each key.
//!
//! Holds what it needs of the request by reference counts, so a request that is kept costs nothing more; the key is looked
//! up anew where it was refused. Where a key stands in neither header nor query, its handler sends it along with the
//! refusal: [`NamedKey`].

use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::extract::{Query, Request};
use hindsight_schemas::problem::Refusal;
use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderValue, Uri};
use serde::Deserialize;

use crate::authorize::{bearer, origin_text};
use crate::edge::Edge;
use crate::stamp::Received;

/// Who sent a request.
pub(crate) struct Sender {
    uri: Uri,
    authorization: Option<HeaderValue>,
    origin: Option<HeaderValue>,
}

/// The key that a call names in its path or body, as far as it was read. Without `Debug`: it may be a secret.
#[derive(Clone, Default)]
pub(crate) struct NamedKey(Arc<OnceLock<String>>);

/// A refusal, and the key that was named.
pub(crate) type NamedRefusal = (Extension<NamedKey>, Refusal);

impl NamedKey {
    /// Names it; the first counts.
    pub(crate) fn say(&self, secret: impl Into<String>) {
        self.0.get_or_init(|| secret.into());
    }

    /// The key, if one was named.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// A refusal of the call that named it.
    pub(crate) fn refused(self, refusal: Refusal) -> NamedRefusal {
        (Extension(self), refusal)
    }
}

#[derive(Deserialize)]
struct KeyParam {
    key: Option<String>,
}

impl Sender {
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            uri: request.uri().clone(),
            authorization: request.headers().get(AUTHORIZATION).cloned(),
            origin: request.headers().get(ORIGIN).cloned(),
        }
    }

    /// Remembers a refusal with the key that was used, known or not.
    pub(crate) fn note_refused(&self, edge: &Edge, named: Option<&NamedKey>, refusal: &Refusal) {
        let in_query = Query::<KeyParam>::try_from_uri(&self.uri)
            .ok()
            .and_then(|Query(KeyParam { key })| key);
        let secret = bearer(self.authorization.as_ref())
            .ok()
            .flatten()
            .or(in_query.as_deref())
            .or(named.and_then(NamedKey::get));
        let key = secret.and_then(|secret| edge.keys.find(secret));
        let origin = self.origin.as_ref().map_or("", origin_text);
        edge.activity.refused(
            key.map(|key| key.id.as_str()),
            Received::now().ms(),
            origin,
            refusal,
        );
    }
}
