//! The fixed parts of an object: its first 16 and its last 64 bytes.
//!
//! ```text
//! header   magic "HINDSEG1" | version u32 LE | zero u32
//! trailer  footer bytes u64 LE | object bytes u64 LE | SHA-256 of footer and the two sizes | version u32 LE | zero u32
//!          | magic "HINDSEGE"
//! ```
//! **Invariant:** every byte of an object is covered: the header by its only value, frames by their checksums in the
//! footer, footer and trailer by the trailer's.

use super::footer::Digest;
use super::reader::FormatError;

/// Bytes before the first frame.
pub const HEADER_BYTES: usize = 16;
/// Bytes behind the footer.
pub const TRAILER_BYTES: usize = 64;
/// The version of the layout. A reader refuses others.
pub const VERSION: u32 = 1;

const HEAD_MAGIC: &[u8; 8] = b"HINDSEG1";
const TAIL_MAGIC: &[u8; 8] = b"HINDSEGE";

/// What an object begins with.
pub(super) fn header() -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(HEAD_MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// What an object ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) footer_bytes: u64,
    pub(super) object_bytes: u64,
    digest: Digest,
}

impl Trailer {
    /// For the packed footer that begins at `footer_at`.
    pub(super) fn of(footer: &[u8], footer_at: u64) -> Self {
        let footer_bytes = footer.len() as u64;
        let object_bytes = footer_at + footer_bytes + TRAILER_BYTES as u64;
        Self {
            footer_bytes,
            object_bytes,
            digest: digest(footer, footer_bytes, object_bytes),
        }
    }

    pub(super) fn encode(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(&self.footer_bytes.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.object_bytes.to_le_bytes());
        bytes[16..48].copy_from_slice(&self.digest.0);
        bytes[48..52].copy_from_slice(&VERSION.to_le_bytes());
        bytes[56..].copy_from_slice(TAIL_MAGIC);
        bytes
    }

    /// Reads the last bytes of an object of `object_bytes`.
    pub(super) fn decode(
        object: &str,
        bytes: &[u8; TRAILER_BYTES],
        object_bytes: u64,
    ) -> Result<Self, FormatError> {
        if &bytes[56..] != TAIL_MAGIC {
            return Err(FormatError::NotASegment {
                object: object.to_owned(),
            });
        }
        let version = u32::from_le_bytes(bytes[48..52].try_into().expect("4 bytes"));
        if version != VERSION {
            return Err(FormatError::Version {
                object: object.to_owned(),
                version,
            });
        }
        if bytes[52..56] != [0; 4] {
            return Err(FormatError::FooterChecksum {
                object: object.to_owned(),
            });
        }
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let trailer = Self {
            footer_bytes: number(0),
            object_bytes: number(8),
            digest: Digest(bytes[16..48].try_into().expect("32 bytes")),
        };
        if trailer.object_bytes != object_bytes {
            let expected = trailer.object_bytes;
            return Err(FormatError::Size {
                object: object.to_owned(),
                expected,
                found: object_bytes,
            });
        }
        let most = object_bytes.saturating_sub((HEADER_BYTES + TRAILER_BYTES) as u64);
        if trailer.footer_bytes > most {
            return Err(FormatError::FooterChecksum {
                object: object.to_owned(),
            });
        }
        Ok(trailer)
    }

    /// Whether these are the bytes of the footer that the trailer was made for.
    pub(super) fn covers(&self, footer: &[u8]) -> bool {
        digest(footer, self.footer_bytes, self.object_bytes) == self.digest
    }
}

fn digest(footer: &[u8], footer_bytes: u64, object_bytes: u64) -> Digest {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update(footer);
    hasher.update(footer_bytes.to_le_bytes());
    hasher.update(object_bytes.to_le_bytes());
    Digest(hasher.finalize().into())
}
