//! Keys: who may send what.
//!
//! **Invariant:** a secret is never kept, only its SHA-256, and it is compared in constant time against every
//! key, so neither a match nor the place of a match shows in the time taken. Secrets are minted with at least
//! 128 random bits, so a slow password hash would protect nothing.

use std::fmt;

use hindsight_schemas::canonical::sha256;
use hindsight_schemas::ids::ProjectId;
use hindsight_schemas::record::KeyKind;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::origin::OriginPattern;

/// Most keys in one set: a look-up compares with each.
pub const MAX_KEYS: usize = 10_000;

/// SHA-256 of a key's secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a secret.
    pub fn of(secret: &str) -> Self {
        Self(sha256(secret.as_bytes()))
    }

    /// Whether this is the hash of that secret; the time taken tells nothing.
    pub fn matches(&self, secret: &str) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

/// Shows nothing of the hash.
impl fmt::Debug for SecretHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretHash(..)")
    }
}

/// One key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name in records and logs. Not secret.
    pub id: String,
    /// The hash of its secret.
    pub secret: SecretHash,
    /// What it may do.
    pub kind: KeyKind,
    /// For which project.
    pub project: ProjectId,
    /// Browser keys: the origins of pages that may use it. Empty: the project's.
    pub origins: Vec<OriginPattern>,
    /// May send sessions and audit events of times since 2000.
    pub import: bool,
}

/// Why keys don't make a set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// Two keys share an id or a secret.
    #[error("keys {0:?} and {1:?} have the same id or secret")]
    Twin(String, String),
    /// More than [`MAX_KEYS`].
    #[error("{0} keys are over the limit of {MAX_KEYS}")]
    TooMany(usize),
}

/// All keys.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Makes a set of keys that differ in id and secret.
    pub fn new(keys: Vec<Key>) -> Result<Self, KeyError> {
        if keys.len() > MAX_KEYS {
            return Err(KeyError::TooMany(keys.len()));
        }
        let mut ids = std::collections::HashMap::new();
        let mut secrets = std::collections::HashMap::new();
        for key in &keys {
            let twin = ids
                .insert(&key.id, &key.id)
                .or(secrets.insert(key.secret.0, &key.id));
            if let Some(twin) = twin {
                return Err(KeyError::Twin(twin.clone(), key.id.clone()));
            }
        }
        Ok(Self(keys))
    }

    /// The key with this secret.
    pub fn find(&self, secret: &str) -> Option<&Key> {
        let asked = SecretHash::of(secret);
        let mut found = u32::MAX;
        for (index, key) in (0u32..).zip(&self.0) {
            let equal: Choice = key.secret.0.ct_eq(&asked.0);
            found = u32::conditional_select(&found, &index, equal);
        }
        self.0.get(usize::try_from(found).ok()?)
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, secret: &str) -> Key {
        Key {
            id: id.into(),
            secret: SecretHash::of(secret),
            kind: KeyKind::Server,
            project: "shop".parse().unwrap(),
            origins: vec![],
            import: false,
        }
    }

    #[test]
    fn a_key_is_found_by_its_secret_alone() {
        let keys = KeySet::new(vec![key("a", "one"), key("b", "two"), key("c", "three")]).unwrap();
        for (secret, id) in [("one", "a"), ("two", "b"), ("three", "c")] {
            assert_eq!(keys.find(secret).unwrap().id, id);
        }
        for unknown in ["", "a", "four", "onetwo"] {
            assert!(keys.find(unknown).is_none(), "{unknown}");
        }
        assert!(KeySet::default().find("one").is_none());
    }

    #[test]
    fn twins_are_refused() {
        for keys in [
            vec![key("a", "1"), key("a", "2")],
            vec![key("a", "1"), key("b", "1")],
        ] {
            assert!(matches!(KeySet::new(keys), Err(KeyError::Twin(..))));
        }
    }

    #[test]
    fn the_hash_is_not_printed() {
        let text = format!("{:?}", key("a", "one"));
        assert!(text.contains("SecretHash(..)"), "{text}");
    }
}
