//! What posthog-js packs its calls in: gzip (told by its first bytes, since newer ones don't name it), or a form field
//! `data` of base64 or lz-string, or nothing.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hindsight_schemas::problem::Refusal;
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Codec;

use super::lz64::{self, Lz64Error};
use super::workspace::Workspace;
use crate::inflate::GZIP_MAGIC;

const FIELD: &str = "data";
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a form field is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Base64,
    Lz64,
}

impl Packing {
    /// What `?compression=` says of a field; gzip is seen, not told.
    pub(super) fn named(name: Option<&str>) -> Result<Self, Refusal> {
        match name {
            None | Some("" | "base64" | "gzip-js" | "gzip") => Ok(Self::Base64),
            Some("lz64") => Ok(Self::Lz64),
            Some(other) => Err(Refusal::new(
                Reason::UnsupportedEncoding,
                format!("compression {other:?}: use gzip-js, base64 or lz64"),
                format!("压缩方式 {other:?}：请使用 gzip-js、base64 或 lz64"),
            )),
        }
    }
}

/// How the body as a whole is packed.
pub(super) fn codec(body: &[u8]) -> Codec {
    if body.starts_with(GZIP_MAGIC) {
        Codec::Gzip
    } else {
        Codec::Identity
    }
}

/// The JSON of a call.
pub(super) fn json<'p>(
    plain: &'p [u8],
    packing: Packing,
    workspace: &mut Workspace<'_>,
) -> Result<Cow<'p, [u8]>, Refusal> {
    if !plain.starts_with(b"data=") {
        return Ok(Cow::Borrowed(plain));
    }
    workspace.ask(plain.len())?;
    let field = form_urlencoded::parse(plain)
        .find(|(name, _)| name == FIELD)
        .map(|(_, value)| value)
        .unwrap_or_default();
    match packing {
        Packing::Base64 => {
            workspace.ask(2 * field.len())?;
            // Between a form's encoders and decoders a plus sign easily becomes a space.
            let decoded = BASE64.decode(field.replace(' ', "+"));
            decoded.map(Cow::Owned).map_err(|_| damaged("base64"))
        }
        Packing::Lz64 => match lz64::unpack(field.as_bytes(), workspace) {
            Ok(text) => Ok(Cow::Owned(text.into_bytes())),
            Err(Lz64Error::Damaged) => Err(damaged("lz64")),
            Err(Lz64Error::NoRoom(refusal)) => Err(refusal),
        },
    }
}

fn damaged(name: &str) -> Refusal {
    Refusal::new(
        Reason::BadEncoding,
        format!("the field {FIELD} can't be read as {name}"),
        format!("无法按 {name} 读取字段 {FIELD}"),
    )
}
