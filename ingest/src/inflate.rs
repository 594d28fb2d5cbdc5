//! Inflates a body with a cap on output and window, and hands the plain bytes to one function on the same thread.
//!
//! **Invariant:** output is reserved in the byte budget before it is made, and never passes
//! `limits.inflated_bytes`, whatever the body says of itself. The buffer stays with the thread up to
//! [`KEPT_BYTES`], so small bodies cost no allocation.

use std::cell::RefCell;
use std::io::{self, Read};

use hindsight_engines::rrweb::{GunzipError, gunzip};
use hindsight_schemas::reason::Reason;
use hindsight_schemas::record::Codec;
use http::{HeaderMap, header};
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::admission::Reservation;
use crate::rate::Charge;
use hindsight_schemas::problem::Refusal;

/// Most that a thread keeps of its buffer between two bodies.
const KEPT_BYTES: usize = 512 * 1024;
/// Largest zstd window: what RFC 8878 asks every decoder to support (8 MiB).
const ZSTD_WINDOW_LOG: u32 = 23;
/// First step of output; each step doubles.
const FIRST_STEP: usize = 64 * 1024;
/// Bodies up to this size are inflated and scanned on the thread that received them: a hop costs more.
const INLINE_BYTES: usize = 32 * 1024;

/// How a gzip body begins.
pub(crate) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Which codec a request names, in `?encoding=` or `Content-Encoding`.
pub(crate) fn codec(headers: &HeaderMap, in_query: Option<&str>) -> Result<Codec, Refusal> {
    let in_header = headers
        .get(header::CONTENT_ENCODING)
        .map(|value| value.to_str().unwrap_or("?"));
    match (
        in_query.map(named).transpose()?,
        in_header.map(named).transpose()?,
    ) {
        (Some(query), Some(header)) if query != header => Err(Refusal::parameter(
            "encoding",
            "the query and Content-Encoding contradict each other",
            "查询参数与 Content-Encoding 不一致",
        )),
        (query, header) => Ok(query.or(header).unwrap_or(Codec::Identity)),
    }
}

fn named(name: &str) -> Result<Codec, Refusal> {
    match name.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Ok(Codec::Gzip),
        "zstd" => Ok(Codec::Zstd),
        "identity" | "" => Ok(Codec::Identity),
        _ => Err(Refusal::new(
            Reason::UnsupportedEncoding,
            format!("encoding {name:?}: use gzip, zstd or identity"),
            format!("编码 {name:?}：请使用 gzip、zstd 或 identity"),
        )),
    }
}

/// Runs work on a body where it blocks nobody: here where the body is small, else on the blocking pool.
pub(crate) async fn off_thread<T: Send + 'static>(
    packed_bytes: usize,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    if packed_bytes <= INLINE_BYTES {
        return work();
    }
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "work on a body ended early");
        Err(Refusal::plain(Reason::Internal))
    })
}

/// Inflates a body and gives the plain bytes to `use_plain`, with the reservation, which covers both. What was made of
/// it counts in `cost`, whether or not the body could be read to its end. Afterwards the reservation
/// covers the packed body and its record as before, save for what `use_plain` added.
pub(crate) fn with_plain<T>(
    codec: Codec,
    packed: &[u8],
    most: usize,
    reservation: &mut Reservation,
    cost: &Charge<'_>,
    use_plain: impl FnOnce(&[u8], &mut Reservation) -> T,
) -> Result<T, Refusal> {
    let covered = 2 * packed.len();
    cost.bytes(packed.len());
    if codec == Codec::Identity {
        if packed.starts_with(GZIP_MAGIC) || packed.starts_with(ZSTD_MAGIC) {
            return Err(bad_encoding(codec));
        }
        return Ok(use_plain(packed, reservation));
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        let inflated = inflate(codec, packed, most, buffer, &mut |bytes| {
            reservation.cover(covered + bytes)
        });
        cost.bytes(buffer.len());
        let result = inflated.map(|()| {
            let held = reservation.held_bytes();
            let result = use_plain(buffer, reservation);
            let added = reservation.held_bytes().saturating_sub(held);
            reservation.shrink_to(covered + added);
            result
        });
        if buffer.capacity() > KEPT_BYTES {
            *buffer = Vec::new();
        }
        result
    })
}

fn inflate(
    codec: Codec,
    packed: &[u8],
    most: usize,
    plain: &mut Vec<u8>,
    cover: &mut dyn FnMut(usize) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match codec {
        Codec::Identity => Ok(()),
        Codec::Gzip if !packed.is_empty() && !GZIP_MAGIC.starts_with(&packed[..packed.len().min(2)]) => {
            Err(bad_encoding(codec))
        }
        Codec::Gzip => gunzip(packed, plain, most, cover).map_err(|error| match error {
            GunzipError::TooLarge => Refusal::over("inflated_bytes", most),
            GunzipError::Truncated => truncated(),
            GunzipError::Damaged(_) => bad_encoding(codec),
            GunzipError::NoRoom(refusal) => refusal,
        }),
        Codec::Zstd => {
            let mut decoder =
                ZstdDecoder::with_buffer(packed).map_err(|_| Refusal::plain(Reason::Internal))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG)
                .map_err(|_| Refusal::plain(Reason::Internal))?;
            if packed.is_empty() {
                return Err(Refusal::plain(Reason::Truncated));
            }
            drain(decoder, codec, most, plain, cover)
        }
    }
}

/// Reads in doubling steps, each reserved before it is made; the last may be one byte over the cap.
fn drain(
    mut decoder: impl Read,
    codec: Codec,
    most: usize,
    plain: &mut Vec<u8>,
    cover: &mut dyn FnMut(usize) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    loop {
        let room = (2 * plain.len()).max(FIRST_STEP).min(most + 1);
        cover(room)?;
        plain.reserve_exact(room - plain.len());
        let step = room - plain.len();
        let read = decoder
            .by_ref()
            .take(step as u64)
            .read_to_end(plain)
            .map_err(|error| {
                if error.kind() == io::ErrorKind::UnexpectedEof {
                    truncated()
                } else {
                    bad_encoding(codec)
                }
            })?;
        if plain.len() > most {
            return Err(Refusal::over("limits.inflated_bytes", most));
        }
        if read < step {
            return Ok(());
        }
    }
}

fn truncated() -> Refusal {
    Refusal::new(
        Reason::Truncated,
        "the packed body ends within its data",
        "压缩数据不完整",
    )
}

fn bad_encoding(codec: Codec) -> Refusal {
    let name = codec.as_str();
    Refusal::new(
        Reason::BadEncoding,
        format!(
            "the body can't be read as {name}: it is damaged, packed otherwise, or its window is over 8 MiB"
        ),
        format!("无法按 {name} 读取请求体：数据损坏、编码不符或窗口超过 8 MiB"),
    )
}
