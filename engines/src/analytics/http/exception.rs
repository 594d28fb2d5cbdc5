//! Finds the exception that ClickHouse writes into a result after its first bytes are out:
//! `\r\n__exception__\r\n<tag>\r\n<message>\n<length> <tag>\r\n__exception__\r\n`, the tag being in a header.
//!
//! **Invariant:** bytes of the block never reach the reader as data, and a result with a block ends with an error.
//! **Bound**: at most the marker's length is held back, at most [`MESSAGE_BYTES`] of a message kept.

use bytes::{Bytes, BytesMut};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};

use super::super::{ByteStream, QueryError};

const MESSAGE_BYTES: usize = 16 << 10;

/// The chunks, with an exception in them made the stream's error. Without a tag (older servers): as they are.
pub(super) fn surfaced<S>(chunks: S, tag: Option<String>) -> ByteStream
where
    S: Stream<Item = Result<Bytes, QueryError>> + Send + 'static,
{
    let Some(tag) = tag else { return chunks.boxed() };
    let scan = Scan {
        chunks: Box::pin(chunks),
        marker: format!("\r\n__exception__\r\n{tag}\r\n"),
        held: BytesMut::new(),
    };
    stream::try_unfold(Some(scan), |scan| async move {
        let Some(mut scan) = scan else { return Ok(None) };
        let step = scan.next().await?;
        Ok(step.map(|(chunk, ended)| (chunk, if ended { None } else { Some(scan) })))
    })
    .try_filter(|chunk| futures::future::ready(!chunk.is_empty()))
    .boxed()
}

struct Scan<S> {
    chunks: std::pin::Pin<Box<S>>,
    marker: String,
    held: BytesMut,
}

impl<S: Stream<Item = Result<Bytes, QueryError>>> Scan<S> {
    /// The next data, and whether they are the last.
    async fn next(&mut self) -> Result<Option<(Bytes, bool)>, QueryError> {
        let Some(chunk) = self.chunks.try_next().await? else {
            return Ok(Some((self.held.split().freeze(), true)));
        };
        self.held.extend_from_slice(&chunk);
        if let Some(at) = memmem(&self.held, self.marker.as_bytes()) {
            // Data before it are part of a result that failed: the error is what matters.
            let block = self.held.split_off(at + self.marker.len());
            return Err(self.exception(block).await);
        }
        let keep = could_begin(&self.held, self.marker.as_bytes());
        let ready = self.held.split_to(self.held.len() - keep);
        Ok(Some((ready.freeze(), false)))
    }

    async fn exception(&mut self, mut block: BytesMut) -> QueryError {
        while let Ok(Some(chunk)) = self.chunks.try_next().await {
            let room = MESSAGE_BYTES.saturating_sub(block.len());
            block.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let text = String::from_utf8_lossy(&block);
        let message = text
            .rsplit_once("\r\n__exception__")
            .map_or(&*text, |(message, _)| message);
        // The last line is `<length> <tag>`.
        let message = message.rsplit_once('\n').map_or(message, |(message, _)| message);
        QueryError::Engine {
            code: code_in(message),
            message: message.trim().to_owned(),
        }
    }
}

fn code_in(message: &str) -> i32 {
    let digits = message
        .split("Code: ")
        .nth(1)
        .and_then(|rest| rest.split(|digit: char| !digit.is_ascii_digit()).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(1002)
}

fn memmem(hay: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(hay, needle)
}

/// How many of the last bytes could be the beginning of the marker.
fn could_begin(held: &[u8], marker: &[u8]) -> usize {
    let longest = held.len().min(marker.len() - 1);
    (1..=longest)
        .rev()
        .find(|length| held.ends_with(&marker[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 395. DB::Exception: mid\n30 abcdefghijklmnop\r\n__exception__\r\n";

    async fn read(text: &str, chunk: usize) -> (String, Option<QueryError>) {
        let chunks: Vec<_> = text
            .as_bytes()
            .chunks(chunk)
            .map(|part| Ok(Bytes::copy_from_slice(part)))
            .collect();
        let mut chunks = surfaced(stream::iter(chunks), Some("abcdefghijklmnop".into()));
        let mut data = String::new();
        loop {
            match chunks.next().await {
                Some(Ok(chunk)) => data.push_str(std::str::from_utf8(&chunk).unwrap()),
                Some(Err(error)) => return (data, Some(error)),
                None => return (data, None),
            }
        }
    }

    #[tokio::test]
    async fn a_block_is_found_wherever_chunks_are_cut() {
        for chunk in 1..120 {
            let (data, error) = read(&format!("1\n2\n{BLOCK}"), chunk).await;
            let Some(QueryError::Engine { code, message }) = error else {
                panic!("chunk {chunk}: no error")
            };
            assert_eq!(
                (code, message.as_str()),
                (395, "Code: 395. DB::Exception: mid"),
                "chunk {chunk}"
            );
            assert!("1\n2\n".starts_with(&data), "chunk {chunk}: {data:?}");
        }
    }

    #[tokio::test]
    async fn data_that_look_like_a_marker_stay_data() {
        let text = "a\r\n__exception__\r\nother tag\r\n";
        for chunk in 1..40 {
            assert_eq!(read(text, chunk).await, (text.to_owned(), None), "chunk {chunk}");
        }
    }
}
