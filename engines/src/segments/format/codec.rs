//! Packs and unpacks one frame, alone or with a raw prefix.
//!
//! **Invariant:** packing is deterministic for one level and one libzstd; each packed frame carries content size and
//! checksum. **Bound:** a frame and its prefix are at most [`MAX_FRAME_BYTES`] each, and unpacking never makes more
//! than the footer said.

use zstd::zstd_safe::{CCtx, CParameter, DCtx, DParameter, ResetDirective, compress_bound, get_error_name};

/// What a frame may be when unpacked: an inflated batch (`limits.inflated_bytes`, 64 MiB), its line feeds, and room.
pub const MAX_FRAME_BYTES: usize = 96 << 20;

/// The window covers prefix and frame, up to this (128 MiB).
const MAX_WINDOW_LOG: u32 = 27;

/// How hard to pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// zstd's level.
    pub level: i32,
    /// Long-distance matching: smaller at level 3, larger at 8 and 9.
    pub long_distance: bool,
}

impl Compression {
    /// While a session is hot: four times the speed of brotli 5 for 57 % of its bytes.
    pub const HOT: Self = Self {
        level: 3,
        long_distance: true,
    };
    /// For the archive: 46 % of brotli 5's bytes at its speed.
    pub const COLD: Self = Self {
        level: 8,
        long_distance: false,
    };
}

/// zstd's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("zstd: {0}")]
pub struct ZstdError(pub String);

fn zstd_error(code: usize) -> ZstdError {
    ZstdError(get_error_name(code).to_owned())
}

/// Packs frames; keeps its working memory from frame to frame.
pub struct FrameEncoder {
    context: CCtx<'static>,
    compression: Compression,
}

impl FrameEncoder {
    /// At this level.
    pub fn new(compression: Compression) -> Self {
        Self {
            context: CCtx::create(),
            compression,
        }
    }

    /// Packs `raw`, with `prefix` as raw dictionary if there is one.
    pub fn encode(&mut self, raw: &[u8], prefix: Option<&[u8]>) -> Result<Vec<u8>, ZstdError> {
        let window = raw.len() + prefix.map_or(0, <[u8]>::len);
        // `ref_prefix` borrows: a context of its own lifetime keeps the borrow local, the memory is reused by zstd.
        match prefix {
            None => {
                self.context
                    .reset(ResetDirective::SessionAndParameters)
                    .map_err(zstd_error)?;
                configure(&mut self.context, self.compression, None)?;
                compress(&mut self.context, raw)
            }
            Some(prefix) => {
                let mut context = CCtx::create();
                configure(&mut context, self.compression, Some(window))?;
                context.ref_prefix(prefix).map_err(zstd_error)?;
                compress(&mut context, raw)
            }
        }
    }
}

fn configure(
    context: &mut CCtx<'_>,
    compression: Compression,
    window: Option<usize>,
) -> Result<(), ZstdError> {
    let mut set = |parameter| context.set_parameter(parameter).map(drop).map_err(zstd_error);
    set(CParameter::CompressionLevel(compression.level))?;
    set(CParameter::ChecksumFlag(true))?;
    set(CParameter::ContentSizeFlag(true))?;
    if compression.long_distance {
        set(CParameter::EnableLongDistanceMatching(true))?;
    }
    if let Some(bytes) = window {
        set(CParameter::WindowLog(
            bytes
                .next_power_of_two()
                .trailing_zeros()
                .clamp(10, MAX_WINDOW_LOG),
        ))?;
    }
    Ok(())
}

fn compress(context: &mut CCtx<'_>, raw: &[u8]) -> Result<Vec<u8>, ZstdError> {
    let mut packed = Vec::with_capacity(compress_bound(raw.len()));
    context.compress2(&mut packed, raw).map_err(zstd_error)?;
    packed.shrink_to_fit();
    Ok(packed)
}

/// Unpacks one frame to exactly `raw_bytes`.
pub fn decode(packed: &[u8], raw_bytes: usize, prefix: Option<&[u8]>) -> Result<Vec<u8>, ZstdError> {
    if raw_bytes > MAX_FRAME_BYTES {
        return Err(ZstdError(format!(
            "frame of {raw_bytes} bytes is over the limit of {MAX_FRAME_BYTES}"
        )));
    }
    let mut context = DCtx::create();
    context
        .set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))
        .map_err(zstd_error)?;
    if let Some(prefix) = prefix {
        context.ref_prefix(prefix).map_err(zstd_error)?;
    }
    let mut raw = Vec::with_capacity(raw_bytes);
    context.decompress(&mut raw, packed).map_err(zstd_error)?;
    if raw.len() == raw_bytes {
        Ok(raw)
    } else {
        Err(ZstdError(format!(
            "frame unpacks to {} bytes instead of {raw_bytes}",
            raw.len()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_used_and_needed() {
        let base: Vec<u8> = (0..60_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let mut frame = base.clone();
        frame.extend_from_slice(b"and a little more");
        for compression in [Compression::HOT, Compression::COLD] {
            let mut encoder = FrameEncoder::new(compression);
            let plain = encoder.encode(&frame, None).unwrap();
            let packed = encoder.encode(&frame, Some(&base)).unwrap();
            assert!(
                packed.len() * 50 < plain.len(),
                "{} of {}",
                packed.len(),
                plain.len()
            );
            assert_eq!(packed, encoder.encode(&frame, Some(&base)).unwrap());
            assert_eq!(decode(&packed, frame.len(), Some(&base)).unwrap(), frame);
            assert!(decode(&packed, frame.len(), None).is_err());
            assert!(decode(&packed, frame.len(), Some(&base[1..])).is_err());
            assert!(decode(&plain, frame.len() - 1, None).is_err());
            assert!(decode(&plain, frame.len() + 1, None).is_err());
        }
    }
}
