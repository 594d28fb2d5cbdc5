//! What stands around the deflate stream of a gzip member: header and trailer (RFC 1952, section 2.3).
//!
//! **Invariant:** bytes are looked at in the order in which they stand, as zlib does it, so a body that ends early is
//! told from one that is damaged by the first byte that decides. Nothing of the header is kept.

use super::Damage;

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Why the bytes around the stream are refused.
#[derive(Debug)]
pub(super) enum Refused {
    /// They end too early.
    Truncated,
    /// They say something wrong.
    Damaged(Damage),
}

impl From<Damage> for Refused {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// What is left of a body, read from its front.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Refused> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Refused::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Refused::Truncated)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// Passes a text and the zero behind it.
    fn text(&mut self) -> Result<(), Refused> {
        let end = memchr::memchr(0, self.0).ok_or(Refused::Truncated)?;
        self.bytes(end + 1).map(drop)
    }
}

/// Passes the header of a member; what follows it.
pub(super) fn pass_header(body: &[u8]) -> Result<&[u8], Refused> {
    let mut rest = Rest(body);
    if rest.array()? != MAGIC {
        return Err(Damage::Header("it does not begin with 1f 8b").into());
    }
    let [method, flags] = rest.array()?;
    if method != DEFLATE {
        return Err(Damage::Header("its method is not deflate").into());
    }
    if flags & RESERVED != 0 {
        return Err(Damage::Header("it sets reserved flags").into());
    }
    let _time_and_system: [u8; 6] = rest.array()?;
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes(rest.array()?);
        rest.bytes(length.into())?;
    }
    if flags & NAME != 0 {
        rest.text()?;
    }
    if flags & COMMENT != 0 {
        rest.text()?;
    }
    if flags & HEADER_CRC != 0 {
        let header = &body[..body.len() - rest.0.len()];
        let said = u16::from_le_bytes(rest.array()?);
        // The two lower bytes of the CRC-32.
        if crc32fast::hash(header) & 0xffff != u32::from(said) {
            return Err(Damage::Header("its own checksum differs").into());
        }
    }
    Ok(rest.0)
}

/// Passes the trailer of a member that held `plain`; what follows it.
pub(super) fn pass_trailer<'a>(body: &'a [u8], plain: &[u8]) -> Result<&'a [u8], Refused> {
    let mut rest = Rest(body);
    if u32::from_le_bytes(rest.array()?) != crc32fast::hash(plain) {
        return Err(Damage::Checksum.into());
    }
    // The length modulo 2^32.
    if u32::from_le_bytes(rest.array()?) != plain.len() as u32 {
        return Err(Damage::Length.into());
    }
    Ok(rest.0)
}
