//! Runs one statement on a connection of its own; blocking, one thread each.
//!
//! Three ways: an INSERT with data streams its body into the engine; a SELECT whose format can be laid end to end
//! streams its result; everything else comes whole, because libchdb formats each streamed chunk as a document
//! of its own (and streams nothing but SELECT).
//!
//! **Invariant:** an error before the first byte is the response's status; a later one is an exception block in the
//! body, and the connection then breaks off. No client can take a cut result for a whole one, not even one that looks
//! for the block in a single read (as the clickhouse crate does).
//! **Bounds**: [`MAX_STATEMENT_BYTES`], one chunk in hand, a channel of few.

use std::io::Read;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::body::{self, Chunks};
use super::error::EngineError;
use super::library::{Connection, Engine, Summary};
use super::native_blocks;
use super::request::Ask;
use super::statement::{InsertHead, format_clause, insert_head};

/// The longest statement (data of an INSERT not counted).
pub(super) const MAX_STATEMENT_BYTES: usize = 16 << 20;
const READ_BYTES: usize = 256 << 10;

/// What the response begins with.
pub(super) enum Head {
    /// The statement runs, or has run.
    Running { format: String, summary: Option<String> },
    /// It failed before the first byte.
    Failed(EngineError),
}

/// A piece of a response's body. A channel that closes before [`Piece::End`] is a cut result.
pub(super) enum Piece {
    /// Bytes of the result.
    Data(Bytes),
    /// The exception block of a statement that failed midway.
    Exception(Bytes),
    /// The result is whole.
    End,
}

/// Where a worker's output goes.
pub(super) struct Output {
    head: Option<oneshot::Sender<Head>>,
    body: mpsc::Sender<Piece>,
    compress: bool,
    /// Names this response's exception block.
    tag: String,
}

impl Output {
    pub(super) fn new(
        head: oneshot::Sender<Head>,
        body: mpsc::Sender<Piece>,
        compress: bool,
        tag: String,
    ) -> Self {
        Self {
            head: Some(head),
            body,
            compress,
            tag,
        }
    }

    fn begin(&mut self, format: &str, summary: Option<String>) {
        if let Some(head) = self.head.take() {
            // A client that has left is noticed at the first chunk.
            let _ = head.send(Head::Running {
                format: format.to_owned(),
                summary,
            });
        }
    }

    /// False when the client has left.
    fn send(&self, chunk: Bytes) -> bool {
        if chunk.is_empty() {
            return true;
        }
        let chunk = if self.compress {
            native_blocks::encode(&chunk).into()
        } else {
            chunk
        };
        self.body.blocking_send(Piece::Data(chunk)).is_ok()
    }

    fn end(self) {
        let _ = self.body.blocking_send(Piece::End);
    }

    fn fail(mut self, error: EngineError) {
        if let Some(head) = self.head.take() {
            let _ = head.send(Head::Failed(error));
            return;
        }
        let (message, tag) = (error.message.trim_end(), &self.tag);
        let length = message.len() + 1;
        let block = format!("\r\n__exception__\r\n{tag}\r\n{message}\n{length} {tag}\r\n__exception__\r\n");
        let _ = self.body.blocking_send(Piece::Exception(block.into()));
    }
}

/// Runs what was asked.
pub(super) fn work(engine: &Engine, ask: &Ask, chunks: Chunks, mut output: Output) {
    match run(engine, ask, chunks, &mut output) {
        Ok(()) => output.end(),
        Err(error) => output.fail(error),
    }
}

fn run(engine: &Engine, ask: &Ask, chunks: Chunks, output: &mut Output) -> Result<(), EngineError> {
    let started = Instant::now();
    let mut connection = engine.connect()?;
    for statement in ask.preparation()? {
        connection.query(statement.as_bytes(), "TSV", &[])?;
    }
    let mut body = body::reader(&ask.encoding, ask.decompress, chunks)?;
    let (text, head) = read_statement(&ask.query, &mut body)?;
    match head {
        Some(head) => insert(&mut connection, ask, &text, &head, body, output, started),
        None => select(&mut connection, ask, &text, output, started),
    }
}

/// The statement is `?query=`, a line feed and the body; an INSERT's data stay in the body.
fn read_statement(query: &str, body: &mut dyn Read) -> Result<(Vec<u8>, Option<InsertHead>), EngineError> {
    let mut text = query.as_bytes().to_vec();
    let mut head = insert_head(&text);
    let mut buffer = vec![0; READ_BYTES];
    let mut begun = query.is_empty();
    while head.is_none() {
        let count = read(body, &mut buffer)?;
        if count == 0 {
            break;
        }
        if !std::mem::replace(&mut begun, true) {
            text.push(b'\n');
        }
        text.extend_from_slice(&buffer[..count]);
        head = insert_head(&text);
        if head.is_none() && text.len() > MAX_STATEMENT_BYTES {
            let reason = format!("the statement is over {MAX_STATEMENT_BYTES} bytes");
            return Err(EngineError::new(62, "SYNTAX_ERROR", reason));
        }
    }
    Ok((text, head))
}

fn read(body: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, EngineError> {
    let cut = |error| {
        EngineError::new(
            210,
            "NETWORK_ERROR",
            format!("can't read the request's body: {error}"),
        )
    };
    body.read(buffer).map_err(cut)
}

fn insert(
    connection: &mut Connection,
    ask: &Ask,
    text: &[u8],
    head: &InsertHead,
    mut body: Box<dyn Read>,
    output: &mut Output,
    started: Instant,
) -> Result<(), EngineError> {
    let mut insert = connection.insert(&text[..head.statement_end], &head.format, &ask.params)?;
    insert.append(&text[head.data_start..])?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match read(&mut *body, &mut buffer)? {
            0 => break,
            count => insert.append(&buffer[..count])?,
        }
    }
    let summary = insert.finish()?;
    output.begin("", Some(summary_text(summary, started)));
    Ok(())
}

fn select(
    connection: &mut Connection,
    ask: &Ask,
    text: &[u8],
    output: &mut Output,
    started: Instant,
) -> Result<(), EngineError> {
    let analysis = connection.classify(text);
    if analysis.statements > 1 {
        return Err(EngineError::new(
            62,
            "SYNTAX_ERROR",
            "Multi-statements are not allowed",
        ));
    }
    let default_format = ask.format.as_deref().unwrap_or("TabSeparated");
    let format = format_clause(text).unwrap_or_else(|| default_format.to_owned());
    if analysis.reads && can_be_streamed(&format) {
        match stream(connection, ask, text, default_format, &format, output) {
            // DESCRIBE, SHOW, EXPLAIN: they read, and come whole.
            Err(error) if error.message.contains("Streaming query is not supported") => {}
            answered => return answered,
        }
    }
    let result = connection.query(text, default_format, &ask.params)?;
    output.begin(&format, Some(summary_text(result.summary(), started)));
    output.send(Bytes::from_owner(result));
    Ok(())
}

fn stream(
    connection: &mut Connection,
    ask: &Ask,
    text: &[u8],
    default_format: &str,
    format: &str,
    output: &mut Output,
) -> Result<(), EngineError> {
    let mut chunks = connection.stream(text, default_format, &ask.params)?;
    let mut next = chunks.next()?;
    output.begin(format, None);
    let mut header: Option<Vec<u8>> = None;
    while let Some(chunk) = next {
        let chunk = Bytes::from_owner(chunk);
        let chunk = match &header {
            None => {
                header = Some(chunk[..header_length(format, &chunk)].to_vec());
                chunk
            }
            Some(header) if chunk.starts_with(header) => chunk.slice(header.len()..),
            Some(_) => chunk,
        };
        if !output.send(chunk) {
            break;
        }
        next = chunks.next()?;
    }
    Ok(())
}

/// Formats whose chunks can be laid end to end once repeated headers are cut.
fn can_be_streamed(format: &str) -> bool {
    let base = format.strip_suffix("AndTypes").unwrap_or(format);
    matches!(
        base.strip_suffix("WithNames").unwrap_or(base),
        "RowBinary"
            | "Native"
            | "TabSeparated"
            | "TSV"
            | "TabSeparatedRaw"
            | "TSVRaw"
            | "CSV"
            | "JSONEachRow"
            | "JSONLines"
            | "NDJSON"
            | "JSONCompactEachRow"
            | "JSONStringsEachRow"
            | "MsgPack"
            | "Null"
    )
}

/// How many of a chunk's first bytes are the format's header, which libchdb writes into each chunk.
fn header_length(format: &str, chunk: &[u8]) -> usize {
    let lines = match format {
        _ if format.ends_with("WithNamesAndTypes") => 2,
        _ if format.ends_with("WithNames") => 1,
        _ => return 0,
    };
    let length = if format.starts_with("RowBinary") {
        binary_header(chunk, lines)
    } else {
        text_header(chunk, lines)
    };
    length.min(chunk.len())
}

fn text_header(chunk: &[u8], lines: usize) -> usize {
    let ends = memchr::memchr_iter(b'\n', chunk);
    ends.take(lines).last().map_or(0, |end| end + 1)
}

fn binary_header(chunk: &[u8], lists: usize) -> usize {
    let mut at = 0;
    let columns = leb128(chunk, &mut at);
    for _ in 0..columns.saturating_mul(lists) {
        if at >= chunk.len() {
            break;
        }
        at = leb128(chunk, &mut at).saturating_add(at);
    }
    at
}

fn leb128(bytes: &[u8], at: &mut usize) -> usize {
    let (mut value, mut shift) = (0, 0);
    while let Some(&byte) = bytes.get(*at) {
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 56 {
            break;
        }
    }
    value
}

fn summary_text(summary: Summary, started: Instant) -> String {
    let Summary {
        read_rows,
        read_bytes,
        written_rows,
        written_bytes,
        result_rows,
    } = summary;
    let elapsed = started.elapsed().as_nanos();
    format!(
        r#"{{"read_rows":"{read_rows}","read_bytes":"{read_bytes}","written_rows":"{written_rows}","written_bytes":"{written_bytes}","total_rows_to_read":"0","result_rows":"{result_rows}","result_bytes":"0","elapsed_ns":"{elapsed}"}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_measured() {
        assert_eq!(header_length("CSVWithNames", b"\"a\",\"b\"\n1,2\n"), 8);
        assert_eq!(
            header_length("RowBinaryWithNamesAndTypes", b"\x01\x01a\x05UInt8\x07"),
            9
        );
        assert_eq!(header_length("RowBinaryWithNames", b"\x01\x01a\x07"), 3);
        assert_eq!(header_length("JSONEachRow", b"{}\n"), 0);
    }

    #[test]
    fn a_statement_is_query_and_body() {
        let (text, head) = read_statement("SELECT 1", &mut &b"FORMAT CSV"[..]).unwrap();
        assert_eq!((text.as_slice(), head), (&b"SELECT 1\nFORMAT CSV"[..], None));
        let (text, head) = read_statement("INSERT INTO t FORMAT RowBinary", &mut &b"data"[..]).unwrap();
        assert_eq!(head.map(|head| head.data_start), Some(text.len()));
    }
}
