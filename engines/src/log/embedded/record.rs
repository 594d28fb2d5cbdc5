//! How a record lies in the store: one row, written in place, with a checksum of its own.
//!
//! `crc32 u32 | appended_at_ms i64 | flags u8 | key u32 + bytes | headers u32, each name u32 + bytes, value u32 +
//! bytes | value`, little endian. The checksum covers everything after it, so a flipped bit on the disk is an
//! error and never a record.

use bytes::Bytes;

use crate::log::NewRecord;

const HAS_VALUE: u8 = 1;
const FIXED: usize = 4 + 8 + 1 + 4 + 4;

/// What a row says besides its position.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) appended_at_ms: i64,
    pub(super) key: Bytes,
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<(String, Bytes)>,
}

/// Bytes of key and headers: what comes on top of the value.
pub(super) fn framing_len(record: &NewRecord) -> usize {
    let headers = record
        .headers
        .iter()
        .map(|(name, value)| 8 + name.len() + value.len());
    record.key.len() + headers.sum::<usize>()
}

/// Bytes of the row.
pub(super) fn encoded_len(record: &NewRecord) -> usize {
    FIXED + framing_len(record) + record.value.as_ref().map_or(0, Bytes::len)
}

/// What the row costs on the disk: the store gives a long row pages of its own, a power of two of them.
pub(super) fn footprint(encoded_len: usize) -> u64 {
    const PAGE: u64 = 4096;
    const ROW: u64 = 32;
    let row = encoded_len as u64 + ROW;
    if row <= PAGE / 2 {
        row
    } else {
        row.next_multiple_of(PAGE).next_power_of_two()
    }
}

/// Writes the row into exactly [`encoded_len`] bytes.
pub(super) fn encode_into(record: &NewRecord, appended_at_ms: i64, row: &mut [u8]) {
    let (checksum, body) = row.split_at_mut(4);
    let mut writer = Writer { rest: &mut *body };
    writer.put(&appended_at_ms.to_le_bytes());
    writer.put(&[if record.value.is_some() { HAS_VALUE } else { 0 }]);
    writer.put_long(&record.key);
    writer.put_len(record.headers.len());
    for (name, value) in &record.headers {
        writer.put_long(name.as_bytes());
        writer.put_long(value);
    }
    writer.put(record.value.as_deref().unwrap_or_default());
    debug_assert!(writer.rest.is_empty(), "encoded_len and encode_into disagree");
    checksum.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
}

/// Reads a row; the error says what is wrong with it.
pub(super) fn decode(row: &[u8]) -> Result<Decoded, &'static str> {
    let (checksum, body) = row.split_first_chunk::<4>().ok_or("row is cut short")?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err("checksum differs");
    }
    // One allocation for the record: key, headers and value are slices of it.
    let whole = Bytes::copy_from_slice(body);
    let mut reader = Reader { whole: &whole, at: 0 };
    let appended_at_ms = i64::from_le_bytes(reader.fixed()?);
    let [flags] = reader.fixed()?;
    let key = reader.long()?;
    let headers = (0..reader.len()?)
        .map(|_| reader.header())
        .collect::<Result<_, _>>()?;
    let value = (flags & HAS_VALUE != 0).then(|| whole.slice(reader.at..));
    Ok(Decoded {
        appended_at_ms,
        key,
        value,
        headers,
    })
}

/// When the record of this row was appended, without reading the rest.
pub(super) fn appended_at_ms(row: &[u8]) -> Option<i64> {
    row.get(4..)?
        .first_chunk::<8>()
        .map(|bytes| i64::from_le_bytes(*bytes))
}

struct Writer<'a> {
    rest: &'a mut [u8],
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let (head, tail) = std::mem::take(&mut self.rest).split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        self.rest = tail;
    }

    fn put_len(&mut self, len: usize) {
        let len = u32::try_from(len).expect("the log's limits are below 4 GiB");
        self.put(&len.to_le_bytes());
    }

    fn put_long(&mut self, bytes: &[u8]) {
        self.put_len(bytes.len());
        self.put(bytes);
    }
}

struct Reader<'a> {
    whole: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let bytes = self.whole.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        self.at += N;
        bytes.copied().ok_or("row is cut short")
    }

    fn len(&mut self) -> Result<usize, &'static str> {
        Ok(u32::from_le_bytes(self.fixed()?) as usize)
    }

    fn long(&mut self) -> Result<Bytes, &'static str> {
        let len = self.len()?;
        let end = self.at.checked_add(len).filter(|end| *end <= self.whole.len());
        let end = end.ok_or("a length points past the row's end")?;
        let bytes = self.whole.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }

    fn header(&mut self) -> Result<(String, Bytes), &'static str> {
        let name = String::from_utf8(self.long()?.to_vec()).map_err(|_| "header name is not UTF-8")?;
        Ok((name, self.long()?))
    }
}

#[cfg(test)]
mod tests {
    use hindsight_schemas::ids::Topic;

    use super::*;
    use crate::log::Route;

    fn record(value: Option<&'static [u8]>) -> NewRecord {
        NewRecord {
            topic: Topic::Audit,
            to: Route::ByKey,
            key: Bytes::from_static(b"shop/1"),
            value: value.map(Bytes::from_static),
            headers: vec![("a".into(), Bytes::from_static(b"1")), ("a".into(), Bytes::new())],
        }
    }

    fn row(record: &NewRecord) -> Vec<u8> {
        let mut row = vec![0; encoded_len(record)];
        encode_into(record, 42, &mut row);
        row
    }

    #[test]
    fn comes_back_as_it_was() {
        for value in [None, Some(&b""[..]), Some(&b"text"[..])] {
            let record = record(value);
            let decoded = decode(&row(&record)).unwrap();
            assert_eq!(
                (decoded.key, decoded.value, decoded.headers),
                (record.key, record.value, record.headers)
            );
            assert_eq!(decoded.appended_at_ms, 42);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let good = row(&record(Some(b"text")));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bad).is_err(), "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(decode(&good[..len]).is_err(), "cut to {len}");
        }
    }
}
