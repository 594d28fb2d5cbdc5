//! Canonical bytes: the JSON Canonicalization Scheme (RFC 8785), made once at the edge.
//!
//! These bytes are what is hashed, archived and proved; nothing after the edge makes them again.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The value could not be written as canonical JSON (a number out of range of IEEE 754, a key that is no text).
#[derive(Debug, thiserror::Error)]
#[error("value has no canonical JSON form")]
pub struct CanonicalError(#[source] serde_json::Error);

/// The canonical bytes of a value.
pub fn canonical_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    serde_json_canonicalizer::to_vec(value).map_err(CanonicalError)
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

/// content_sha256: over texts, each with a line feed after it. For a batch the texts are its events as sent, for an
/// audit event its fields.
#[derive(Clone, Default)]
pub struct ContentHasher(Sha256);

impl ContentHasher {
    /// Adds the next text, byte for byte.
    pub fn text(&mut self, text: &[u8]) {
        self.0.update(text);
        self.0.update(b"\n");
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_numbers_as_ecmascript_writes_them() {
        let value: serde_json::Value = serde_json::from_str(r#"{"b":1.0,"a":[1e21,"\u20ac"]}"#).unwrap();
        assert_eq!(
            canonical_bytes(&value).unwrap(),
            "{\"a\":[1e+21,\"€\"],\"b\":1}".as_bytes()
        );
    }
}
