//! Avro single-object encoding (Avro 1.12, "Single-object encoding"): marker C3 01, the CRC-64-AVRO
//! fingerprint of the writer's schema, the datum.
//!
//! **Invariant:** a fingerprint that this build doesn't know is no poison: a newer writer is being rolled out
//! (readers go first), so a lane stops there instead of sending the record to dead letters.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::{AuditRecord, Erasure, Record, RecordingBatch};

const MARKER: [u8; 2] = [0xC3, 0x01];
const HEADER_BYTES: usize = 10;

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The record was written by a schema that this build doesn't know: stop, don't drop.
    #[error(
        "record was written with unknown schema {0:016x}: a newer writer is running, update this reader first"
    )]
    UnknownSchema(u64),
    /// No single-object encoding at all.
    #[error("record is not in Avro single-object encoding")]
    NotAvro,
    /// The body doesn't follow its schema.
    #[error("record body does not follow schema {schema}")]
    Body {
        /// The schema's name.
        schema: &'static str,
        /// What the decoder said.
        #[source]
        source: Box<apache_avro::Error>,
    },
}

/// The record could not be encoded; a field is out of the schema's range.
#[derive(Debug, thiserror::Error)]
#[error("record does not fit its schema")]
pub struct EncodeError(#[source] Box<apache_avro::Error>);

/// A schema, with what reads and writes by it: names in it are resolved once, not for each record.
struct Known {
    name: &'static str,
    fingerprint: u64,
    reader: GenericDatumReader<'static>,
    writer: GenericDatumWriter<'static>,
}

impl Known {
    fn new(name: &'static str, text: &str) -> Self {
        let schema = Schema::parse_str(text).expect("the schemas in this crate parse");
        // One of three, each for as long as the process runs.
        let schema: &'static Schema = Box::leak(Box::new(schema));
        let reader = GenericDatumReader::builder(schema).human_readable(true).build();
        let writer = GenericDatumWriter::builder(schema).human_readable(true).build();
        Self {
            name,
            fingerprint: fingerprint(schema),
            reader: reader.expect("the names in it are its own"),
            writer: writer.expect("the names in it are its own"),
        }
    }

    fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MARKER);
        bytes.extend_from_slice(&self.fingerprint.to_le_bytes());
        let written = self.writer.write_ser(&mut bytes, value);
        written.map_err(|error| EncodeError(Box::new(error)))?;
        Ok(bytes)
    }

    fn decode<T: DeserializeOwned>(&self, mut datum: &[u8]) -> Result<T, DecodeError> {
        self.reader
            .read_deser(&mut datum)
            .map_err(|source| DecodeError::Body {
                schema: self.name,
                source: Box::new(source),
            })
    }
}

fn fingerprint(schema: &Schema) -> u64 {
    let digest = schema.fingerprint::<Rabin>();
    u64::from_le_bytes(digest.bytes.as_slice().try_into().expect("CRC-64 has 8 bytes"))
}

static RECORDING: LazyLock<Known> =
    LazyLock::new(|| Known::new("RecordingBatch", include_str!("../avro/recording_batch.avsc")));
static AUDIT: LazyLock<Known> =
    LazyLock::new(|| Known::new("AuditRecord", include_str!("../avro/audit_record.avsc")));
static ERASURE: LazyLock<Known> =
    LazyLock::new(|| Known::new("Erasure", include_str!("../avro/erasure.avsc")));

impl Record {
    /// The record's bytes in the log.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Record::Recording(batch) => RECORDING.encode(batch),
            Record::Audit(event) => AUDIT.encode(event),
            Record::Erasure(erasure) => ERASURE.encode(erasure),
        }
    }

    /// Reads a record of the log.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let header: [u8; HEADER_BYTES] = bytes
            .get(..HEADER_BYTES)
            .and_then(|head| head.try_into().ok())
            .ok_or(DecodeError::NotAvro)?;
        if header[..2] != MARKER {
            return Err(DecodeError::NotAvro);
        }
        let fingerprint = u64::from_le_bytes(header[2..].try_into().expect("8 of 10 bytes"));
        let datum = &bytes[HEADER_BYTES..];
        match fingerprint {
            known if known == RECORDING.fingerprint => {
                RECORDING.decode::<RecordingBatch>(datum).map(Record::Recording)
            }
            known if known == AUDIT.fingerprint => AUDIT.decode::<AuditRecord>(datum).map(Record::Audit),
            known if known == ERASURE.fingerprint => ERASURE.decode::<Erasure>(datum).map(Record::Erasure),
            unknown => Err(DecodeError::UnknownSchema(unknown)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SessionId;
    use crate::record::{Codec, KeyKind, Layout};

    fn batch() -> RecordingBatch {
        RecordingBatch {
            project: "shop".parse().unwrap(),
            session_id: SessionId::from_parts(1_700_000_000_000, [1; 10]),
            tab: "w_1".parse().unwrap(),
            seq: 3,
            received_at_us: 1,
            sent_at_ms: Some(2),
            clock_offset_ms: None,
            first_at_ms: 4,
            last_at_ms: 5,
            events: 6,
            raw_bytes: 7,
            keyframe: true,
            ended: false,
            is_final: true,
            layout: Layout::JsonArray,
            codec: Codec::Gzip,
            body: vec![0, 255, 10],
            content_sha256: vec![9; 32],
            canonical: b"{}".to_vec(),
            key_id: "k".into(),
            key_kind: KeyKind::Browser,
            level: "L4".into(),
            retention_class: "standard".into(),
            expires_at_s: 8,
            rules_version: 0,
            source: String::new(),
            device: String::new(),
            client_ip: "203.0.113.9".into(),
            user_agent: String::new(),
            country: String::new(),
            encryption_key_id: String::new(),
            encryption_suite: String::new(),
        }
    }

    #[test]
    fn a_batch_comes_back_as_it_was() {
        let record = Record::Recording(batch());
        assert_eq!(Record::decode(&record.encode().unwrap()).unwrap(), record);
    }

    #[test]
    fn an_unknown_fingerprint_is_told_apart_from_garbage() {
        let mut bytes = Record::Recording(batch()).encode().unwrap();
        bytes[5] ^= 1;
        assert!(matches!(
            Record::decode(&bytes),
            Err(DecodeError::UnknownSchema(_))
        ));
        assert!(matches!(
            Record::decode(b"garbage that is long enough"),
            Err(DecodeError::NotAvro)
        ));
        assert!(matches!(Record::decode(b""), Err(DecodeError::NotAvro)));
    }

    #[test]
    fn a_cut_body_blames_the_record() {
        let bytes = Record::Recording(batch()).encode().unwrap();
        assert!(matches!(
            Record::decode(&bytes[..bytes.len() / 2]),
            Err(DecodeError::Body { .. })
        ));
    }

    /// A changed fingerprint means that records already in logs can't be read any more: add the old schema to
    /// the known ones (reader first), then extend this list; never replace an entry.
    #[test]
    fn the_fingerprints_of_what_was_ever_written_are_known() {
        for (known, fingerprint) in [
            (&*RECORDING, RECORDING_V1),
            (&*AUDIT, AUDIT_V1),
            (&*ERASURE, ERASURE_V1),
        ] {
            assert_eq!(
                known.fingerprint, fingerprint,
                "{} is now {:#018x}",
                known.name, known.fingerprint
            );
        }
    }

    const RECORDING_V1: u64 = 0x9fce511c7e954f32;
    const AUDIT_V1: u64 = 0xfbe2637f8431cc8d;
    const ERASURE_V1: u64 = 0x85fbecbd328d0dd2;
}
