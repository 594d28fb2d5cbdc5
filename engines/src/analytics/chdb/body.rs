//! A request's body as blocking bytes, undone from its `Content-Encoding` and from native compressed blocks.
//!
//! **Failure**: a body that breaks off, or is not what its encoding says, is an error of the read; the insert is then
//! cancelled and its block not written. **Bound**: the channel between network and worker holds [`CHUNKS`] chunks.

use std::io::{self, Read};

use axum::body::Body;
use bytes::{Buf, Bytes};
use futures::StreamExt;
use tokio::sync::mpsc;

use super::error::EngineError;
use super::native_blocks;

const CHUNKS: usize = 4;

/// The body's chunks, on their way to a worker.
pub(super) type Chunks = mpsc::Receiver<Result<Bytes, axum::Error>>;

/// Begins to read a body; the task ends with the body, or when the worker stops reading.
pub(super) fn chunks_of(body: Body) -> Chunks {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    tokio::spawn(async move {
        let mut body = body.into_data_stream();
        while let Some(chunk) = body.next().await {
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    });
    chunks
}

/// No body.
pub(super) fn nothing() -> Chunks {
    mpsc::channel(1).1
}

struct Source {
    chunks: Chunks,
    current: Bytes,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.current = chunk.map_err(io::Error::other)?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The plain bytes of a body.
pub(super) fn reader(encoding: &str, decompress: bool, chunks: Chunks) -> Result<Box<dyn Read>, EngineError> {
    let source = Source {
        chunks,
        current: Bytes::new(),
    };
    let plain: Box<dyn Read> = match encoding {
        "" | "identity" => Box::new(source),
        "gzip" | "x-gzip" => Box::new(flate2::read::MultiGzDecoder::new(source)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(source)),
        "zstd" => Box::new(
            zstd::Decoder::new(source).map_err(|error| EngineError::new(432, "UNKNOWN_CODEC", error))?,
        ),
        "lz4" => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
        other => {
            let text = format!("Content-Encoding {other} is not supported");
            return Err(EngineError::new(48, "NOT_IMPLEMENTED", text));
        }
    };
    Ok(if decompress {
        Box::new(native_blocks::Decoder::new(plain))
    } else {
        plain
    })
}
