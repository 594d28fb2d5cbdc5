//! Events that were packed inside JSON: rrweb's `pack` (a string of zlib bytes as latin-1) and PostHog's compressed
//! events (`cv`: gzip bytes as latin-1 in place of the heavy members).
//!
//! Sources: rrweb `packages/packer/src/{pack,unpack}.ts`; posthog-js `lazy-loaded-session-recorder.ts`
//! (`compressEventSync`).

use std::io::{self, Read};

use super::Room;
use super::members::Members;

/// PostHog's only version so far, as JSON.
const POSTHOG_VERSION: &str = "\"2024-10\"";
/// rrweb's packer marks its events so.
const RRWEB_VERSION: &str = "\"v1\"";
/// rrweb's `IncrementalSource.Mutation` and `StyleSheetRule`.
const MUTATION: &str = "0";
const STYLE_SHEET_RULE: &str = "8";
/// First step of unpacked text; each step doubles.
const FIRST_STEP: usize = 1024;

/// Why a packed event can't be read.
#[derive(Debug, thiserror::Error)]
pub enum PackedError {
    /// Of a version that is not known.
    #[error("packed by an unknown version: {0}")]
    Version(String),
    /// Characters beyond latin-1, of which packed bytes are made.
    #[error("packed text that is not latin-1")]
    NotLatin1,
    /// Damaged.
    #[error("packed data can't be unpacked ({0})")]
    Damaged(#[source] io::Error),
    /// Unpacked, it is no JSON.
    #[error("unpacked data are not JSON ({0})")]
    NotJson(#[from] serde_json::Error),
    /// The room was refused.
    #[error("it unpacks to more than there is room for")]
    NoRoom,
}

/// Whether a string can be the output of rrweb's `pack`: a zlib header.
pub(super) fn is_rrweb_packed(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('x') && matches!(chars.next(), Some('\u{1}' | '\u{5e}' | '\u{9c}' | '\u{da}'))
}

/// The event inside rrweb's `pack`, without the packer's own mark `v`.
pub(super) fn unpack_rrweb(text: &str, room: &mut Room<'_>) -> Result<String, PackedError> {
    let bytes = latin1(text)?;
    let event = unpacked(flate2::read::ZlibDecoder::new(&bytes[..]), room)?;
    let members = Members::of(&event)?;
    match members.get("v") {
        Some(RRWEB_VERSION) => members.rewritten("v", |_, _| Ok(None)),
        other => Err(PackedError::Version(other.unwrap_or("none").into())),
    }
}

/// The event with its compressed members inflated and without the mark `cv`.
pub(super) fn unpack_posthog(text: &str, room: &mut Room<'_>) -> Result<String, PackedError> {
    let event = Members::of(text)?;
    match event.get("cv") {
        Some(POSTHOG_VERSION) => {}
        other => return Err(PackedError::Version(other.unwrap_or("none").into())),
    }
    event.rewritten("cv", |name, value| match value.as_bytes().first() {
        Some(b'"') if name == "data" => inflated(value, room).map(Some),
        Some(b'{') if name == "data" => unpack_members(value, room).map(Some),
        _ => Ok(None),
    })
}

fn unpack_members(data: &str, room: &mut Room<'_>) -> Result<String, PackedError> {
    let data = Members::of(data)?;
    let packed: &[&str] = match data.get("source") {
        Some(MUTATION) => &["adds", "removes", "texts", "attributes"],
        Some(STYLE_SHEET_RULE) => &["adds", "removes"],
        _ => &[],
    };
    data.rewritten("", |name, value| {
        if value.starts_with('"') && packed.contains(&name) {
            inflated(value, room).map(Some)
        } else {
            Ok(None)
        }
    })
}

/// The JSON inside a JSON string of gzip bytes.
fn inflated(value: &str, room: &mut Room<'_>) -> Result<String, PackedError> {
    if !room(value.len()) {
        return Err(PackedError::NoRoom);
    }
    let text: String = serde_json::from_str(value)?;
    let bytes = latin1(&text)?;
    let json = unpacked(flate2::read::MultiGzDecoder::new(&bytes[..]), room)?;
    // It takes a value's place in another text, so it must be one.
    serde_json::from_str::<serde::de::IgnoredAny>(&json)?;
    Ok(json)
}

/// Reads in doubling steps, each asked for before it is made.
fn unpacked(mut packed: impl Read, room: &mut Room<'_>) -> Result<String, PackedError> {
    let mut bytes = Vec::new();
    loop {
        let step = bytes.len().max(FIRST_STEP);
        if !room(step) {
            return Err(PackedError::NoRoom);
        }
        bytes.reserve_exact(step);
        let read = packed
            .by_ref()
            .take(step as u64)
            .read_to_end(&mut bytes)
            .map_err(PackedError::Damaged)?;
        if read < step {
            let not_text = |error| PackedError::Damaged(io::Error::new(io::ErrorKind::InvalidData, error));
            return String::from_utf8(bytes).map_err(not_text);
        }
    }
}

fn latin1(text: &str) -> Result<Vec<u8>, PackedError> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)))
        .collect::<Result<_, _>>()
        .map_err(|_| PackedError::NotLatin1)
}
