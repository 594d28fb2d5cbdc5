//! A small HTTP/1.1 client over one kept connection: the load generator must cost next to nothing beside the server.
//!
//! Knows `Content-Length` and chunked answers. After an error the connection is made anew at the next call.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

/// A server that says nothing for so long has failed.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
const HEADS_BYTES: usize = 16 * 1024;

/// One connection.
pub struct Client {
    address: SocketAddr,
    bearer: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// Of this server, with a key or token. Connects at the first call.
    pub fn new(address: SocketAddr, bearer: &str) -> Self {
        Self {
            address,
            bearer: bearer.to_owned(),
            stream: None,
            buffer: Vec::with_capacity(HEADS_BYTES),
        }
    }

    /// `GET`.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.call("GET", path, &[])
    }

    /// `POST`.
    pub fn post(&mut self, path: &str, body: &[u8]) -> anyhow::Result<Answer> {
        self.call("POST", path, body)
    }

    fn call(&mut self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.bearer,
            body.len()
        );
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        write_both(&mut stream, head.as_bytes(), body)?;
        let answer = self
            .read(&mut stream)
            .with_context(|| format!("{method} {path}"))?;
        self.stream = Some(stream);
        Ok(answer)
    }

    fn connect(&self) -> anyhow::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WAIT))?;
        Ok(stream)
    }

    fn read(&mut self, stream: &mut TcpStream) -> anyhow::Result<Answer> {
        self.buffer.clear();
        let head_end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            anyhow::ensure!(self.buffer.len() < HEADS_BYTES, "the answer's head does not end");
            self.more(stream)?;
        };
        let head = std::str::from_utf8(&self.buffer[..head_end])?.to_ascii_lowercase();
        let status = head.get(9..12).context("no status")?.parse()?;
        let field = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let body = if field("transfer-encoding:") == Some("chunked") {
            self.chunks(stream, head_end)?
        } else {
            let length: usize = field("content-length:").unwrap_or("0").parse()?;
            while self.buffer.len() < head_end + length {
                self.more(stream)?;
            }
            self.buffer[head_end..head_end + length].to_vec()
        };
        Ok(Answer { status, body })
    }

    fn chunks(&mut self, stream: &mut TcpStream, mut at: usize) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = find(&self.buffer[at..], b"\r\n") {
                    break std::str::from_utf8(&self.buffer[at..at + end])?.to_owned();
                }
                self.more(stream)?;
            };
            let length = usize::from_str_radix(&line, 16)?;
            at += line.len() + 2;
            while self.buffer.len() < at + length + 2 {
                self.more(stream)?;
            }
            body.extend_from_slice(&self.buffer[at..at + length]);
            at += length + 2;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn more(&mut self, stream: &mut TcpStream) -> anyhow::Result<()> {
        let mut chunk = [0; 8 * 1024];
        let read = stream.read(&mut chunk)?;
        anyhow::ensure!(read > 0, "the server closed the connection");
        self.buffer.extend_from_slice(&chunk[..read]);
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn write_both(stream: &mut TcpStream, head: &[u8], body: &[u8]) -> io::Result<()> {
    let written = stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)])?;
    if written < head.len() {
        stream.write_all(&head[written..])?;
    }
    stream.write_all(&body[written.saturating_sub(head.len())..])
}
