//! Inflates a body with its output capped.
//!
//! **Bound:** never more than `limit` + 1 bytes of output, and no more window than that needs, whatever the body
//! claims. Truncation, trailing rubbish and checksum errors are errors: a body is whole or refused.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io::{self, Read};

use hindsight_schemas::record::Codec;

use super::gunzip::{GunzipError, gunzip};

/// Why a body was not inflated.
#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    /// It holds more than allowed.
    #[error("body inflates to more than the limit of {limit} bytes (limits.inflated_bytes)")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// It is cut off, damaged, or packed otherwise than said.
    #[error("body is not valid {}", codec.as_str())]
    Damaged {
        /// What it should be.
        codec: Codec,
        /// What the decoder said.
        #[source]
        source: io::Error,
    },
}

/// Inflates `body`, to `limit` bytes at most; what is not packed is borrowed.
pub fn inflate(codec: Codec, body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, InflateError> {
    let damaged = |source| InflateError::Damaged { codec, source };
    match codec {
        Codec::Identity if body.len() > limit => Err(InflateError::TooLarge { limit }),
        Codec::Identity => Ok(Cow::Borrowed(body)),
        Codec::Gzip => {
            let mut inflated = Vec::new();
            gunzip(body, &mut inflated, limit, |_| Ok::<_, Infallible>(())).map_err(|error| match error {
                GunzipError::TooLarge => InflateError::TooLarge { limit },
                GunzipError::Truncated => damaged(io::ErrorKind::UnexpectedEof.into()),
                GunzipError::Damaged(damage) => damaged(io::Error::new(io::ErrorKind::InvalidData, damage)),
                GunzipError::NoRoom(never) => match never {},
            })?;
            Ok(Cow::Owned(inflated))
        }
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(damaged)?;
            decoder.window_log_max(window_log(limit)).map_err(damaged)?;
            capped(decoder, body.len(), limit, codec)
        }
    }
}

/// The window that lets any body of `limit` bytes be read, as zstd counts it; at least the 8 MiB that RFC 8878
/// wants every decoder to support.
fn window_log(limit: usize) -> u32 {
    limit.next_power_of_two().trailing_zeros().clamp(23, 27)
}

fn capped(
    decoder: impl Read,
    packed: usize,
    limit: usize,
    codec: Codec,
) -> Result<Cow<'static, [u8]>, InflateError> {
    let mut inflated = Vec::with_capacity(packed.saturating_mul(4).min(limit));
    let cap = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder
        .take(cap)
        .read_to_end(&mut inflated)
        .map_err(|source| InflateError::Damaged { codec, source })?;
    if inflated.len() > limit {
        Err(InflateError::TooLarge { limit })
    } else {
        Ok(Cow::Owned(inflated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_limit_is_exact() {
        let text = vec![b'a'; 5000];
        let zstd = zstd::encode_all(&text[..], 3).unwrap();
        for (codec, body) in [
            (Codec::Identity, text.clone()),
            (Codec::Gzip, gzip(&text)),
            (Codec::Zstd, zstd),
        ] {
            assert_eq!(*inflate(codec, &body, 5000).unwrap(), text);
            assert!(
                matches!(
                    inflate(codec, &body, 4999),
                    Err(InflateError::TooLarge { limit: 4999 })
                ),
                "{codec:?}"
            );
        }
    }

    #[test]
    fn a_cut_or_changed_body_is_refused() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        for (codec, body) in [
            (Codec::Gzip, gzip(&text)),
            (Codec::Zstd, zstd::encode_all(&text[..], 3).unwrap()),
        ] {
            for cut in [1, 5, body.len() / 2, body.len() - 1] {
                assert!(
                    inflate(codec, &body[..cut], 1 << 20).is_err(),
                    "{codec:?} cut to {cut}"
                );
            }
            let mut trailing = body.clone();
            trailing.extend_from_slice(b"rubbish");
            assert!(inflate(codec, &trailing, 1 << 20).is_err(), "{codec:?}");
        }
    }
}
