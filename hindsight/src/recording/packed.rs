//! Events that were packed inside JSON: rrweb's `pack` (a string of zlib bytes as latin-1) and PostHog's
//! compressed events (`cv`: gzip bytes as latin-1 in place of the heavy fields).
//!
//! Sources: rrweb `packages/packer/src/{pack,unpack}.ts`; PostHog `decompressEvent` of its replay front end.

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::unpack::read_bounded;

/// PostHog's only version so far.
const POSTHOG_VERSION: &str = "2024-10";
/// rrweb's `IncrementalSource.Mutation` and `StyleSheetRule`.
const MUTATION: u64 = 0;
const STYLE_SHEET_RULE: u64 = 8;

/// Whether a string can be the output of rrweb's `pack`: a zlib header.
pub(super) fn is_rrweb_packed(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('x') && matches!(chars.next(), Some('\u{1}' | '\u{5e}' | '\u{9c}' | '\u{da}'))
}

/// The event inside rrweb's `pack`, without the packer's own mark `v`.
pub(super) fn unpack_rrweb(text: &str) -> anyhow::Result<String> {
    let bytes = latin1(text)?;
    let inflated = read_bounded(flate2::read::ZlibDecoder::new(&bytes[..])).context("zlib can't be read")?;
    let mut event: Map<String, Value> = serde_json::from_slice(&inflated)?;
    if event.remove("v").as_ref().and_then(Value::as_str) != Some("v1") {
        bail!("packed by an unknown version of rrweb's packer");
    }
    Ok(Value::Object(event).to_string())
}

/// The event with its compressed fields inflated and without the mark `cv`.
pub(super) fn unpack_posthog(text: &str) -> anyhow::Result<String> {
    let mut event: Map<String, Value> = serde_json::from_str(text)?;
    match event.remove("cv") {
        Some(Value::String(version)) if version == POSTHOG_VERSION => {}
        other => bail!("compressed by an unknown version: {other:?}"),
    }
    match event.get_mut("data") {
        Some(data @ Value::String(_)) => inflate_value(data)?,
        Some(Value::Object(data)) => {
            let fields: &[&str] = match data.get("source").and_then(Value::as_u64) {
                Some(MUTATION) => &["adds", "removes", "texts", "attributes"],
                Some(STYLE_SHEET_RULE) => &["adds", "removes"],
                _ => &[],
            };
            for field in fields {
                if let Some(value) = data.get_mut(*field) {
                    inflate_value(value).with_context(|| format!("field {field}"))?;
                }
            }
        }
        _ => {}
    }
    Ok(Value::Object(event).to_string())
}

fn inflate_value(value: &mut Value) -> anyhow::Result<()> {
    if let Value::String(text) = value {
        let bytes = latin1(text)?;
        let inflated =
            read_bounded(flate2::read::MultiGzDecoder::new(&bytes[..])).context("gzip can't be read")?;
        *value = serde_json::from_slice(&inflated)?;
    }
    Ok(())
}

fn latin1(text: &str) -> anyhow::Result<Vec<u8>> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)))
        .collect::<Result<_, _>>()
        .context("not a latin-1 string")
}
