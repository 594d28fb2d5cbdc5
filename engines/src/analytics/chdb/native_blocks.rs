//! ClickHouse's native compressed blocks, as clients send (`decompress=1`) and ask for (`compress=1`):
//! 16 bytes CityHash128 1.0.2 of the rest, method, size of method to payload, raw size, payload.
//!
//! **Failure**: a block whose checksum, method or sizes are wrong is refused. **Bound**: [`MAX_BLOCK_BYTES`] a block.

use std::io::{self, Read};

use cityhash_rs::cityhash_102_128;

/// The greatest block that is read.
const MAX_BLOCK_BYTES: usize = 256 << 20;
const CHECKSUM_BYTES: usize = 16;
/// Method, size, raw size.
const HEADER_BYTES: usize = 9;
const STORED: u8 = 0x02;
const LZ4: u8 = 0x82;
const ZSTD: u8 = 0x90;
/// How much of a result goes into one block.
const ENCODED_BYTES: usize = 1 << 20;

/// The halves are swapped against the order that the hash gives.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_102_128(bytes).rotate_left(64).to_le_bytes()
}

/// The bytes as LZ4 blocks.
pub(super) fn encode(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() / 2);
    for part in raw.chunks(ENCODED_BYTES) {
        let payload = lz4_flex::block::compress(part);
        let size = u32::try_from(payload.len() + HEADER_BYTES).expect("a block of 1 MiB");
        let mut block = vec![LZ4];
        block.extend_from_slice(&size.to_le_bytes());
        block.extend_from_slice(&u32::try_from(part.len()).expect("a block of 1 MiB").to_le_bytes());
        block.extend_from_slice(&payload);
        out.extend_from_slice(&checksum(&block));
        out.extend_from_slice(&block);
    }
    out
}

/// Reads the raw bytes of a stream of blocks.
pub(super) struct Decoder<R> {
    source: R,
    raw: io::Cursor<Vec<u8>>,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            raw: io::Cursor::new(vec![]),
        }
    }

    /// The next block's bytes, none at the end.
    fn block(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = [0; CHECKSUM_BYTES + HEADER_BYTES];
        if read_up_to(&mut self.source, &mut head)? == 0 {
            return Ok(None);
        }
        let field =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (method, size, raw_size) = (
            head[CHECKSUM_BYTES],
            field(CHECKSUM_BYTES + 1),
            field(CHECKSUM_BYTES + 5),
        );
        if !(HEADER_BYTES..=MAX_BLOCK_BYTES).contains(&size) || raw_size > MAX_BLOCK_BYTES {
            return Err(io::Error::other("a compressed block has an impossible size"));
        }
        let mut block = head[CHECKSUM_BYTES..].to_vec();
        let payload_size = size - HEADER_BYTES;
        if (&mut self.source)
            .take(payload_size as u64)
            .read_to_end(&mut block)?
            < payload_size
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if checksum(&block) != head[..CHECKSUM_BYTES] {
            return Err(io::Error::other("a compressed block's checksum is wrong"));
        }
        inflate(method, &block[HEADER_BYTES..], raw_size).map(Some)
    }
}

fn inflate(method: u8, payload: &[u8], raw_size: usize) -> io::Result<Vec<u8>> {
    match method {
        STORED => Ok(payload.to_vec()),
        LZ4 => lz4_flex::block::decompress(payload, raw_size).map_err(io::Error::other),
        ZSTD => zstd::bulk::decompress(payload, raw_size),
        other => Err(io::Error::other(format!("unknown compression method {other:#x}"))),
    }
}

/// Fills the buffer; 0 at the end, an error where the end comes within.
fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..])? {
            0 if filled == 0 => return Ok(0),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(filled)
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.raw.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.block()? {
                Some(raw) => self.raw = io::Cursor::new(raw),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        let raw: Vec<u8> = (0..3_000_000_u32)
            .flat_map(|number| (number / 7).to_le_bytes())
            .take(2_500_000)
            .collect();
        let mut back = vec![];
        Decoder::new(&encode(&raw)[..]).read_to_end(&mut back).unwrap();
        assert!(back == raw);
    }

    #[test]
    fn a_changed_or_cut_block_is_refused() {
        let blocks = encode(b"some rows, some rows, some rows");
        for cut in 1..blocks.len() {
            assert!(
                Decoder::new(&blocks[..cut]).read_to_end(&mut vec![]).is_err(),
                "cut at {cut}"
            );
        }
        let mut changed = blocks.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(Decoder::new(&changed[..]).read_to_end(&mut vec![]).is_err());
    }
}
