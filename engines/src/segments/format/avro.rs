//! The footer's bytes: `[schema length u32 LE][writer's schema, canonical form][Avro datum]`, packed by zstd.
//!
//! **Bound:** a footer of more than [`MAX_FOOTER_BYTES`] unpacked is neither written nor read.

use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use hindsight_schemas::ids::Position;
use hindsight_schemas::record::Codec;
use serde::{Deserialize, Serialize};

use super::footer::Footer;
use crate::rrweb::{InflateError, inflate};

/// What a footer may be when unpacked.
pub const MAX_FOOTER_BYTES: usize = 64 << 20;

/// Text that repeats from batch to batch: a middle level packs it well, and footers are small.
const LEVEL: i32 = 6;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::parse_str(include_str!("footer.avsc")).expect("the schema beside this file parses")
});
static SCHEMA_TEXT: LazyLock<String> = LazyLock::new(|| SCHEMA.canonical_form());

/// Why a footer was not encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum FooterError {
    /// More frames and batches than one object may describe.
    #[error("footer of {0} bytes is over the limit of {MAX_FOOTER_BYTES}")]
    TooLarge(usize),
    /// zstd could not pack or unpack it.
    #[error("footer can't be unpacked")]
    Packing(#[from] InflateError),
    /// The compressor failed.
    #[error("footer can't be packed")]
    Compress(#[source] std::io::Error),
    /// The schema or what follows it does not parse.
    #[error("footer does not follow its schema")]
    Avro(#[from] Box<apache_avro::Error>),
    /// Too short to hold what it says.
    #[error("footer is cut off")]
    Short,
}

/// Packs a footer; equal footers give equal bytes.
pub(super) fn encode(footer: &Footer) -> Result<Vec<u8>, FooterError> {
    let schema_bytes = u32::try_from(SCHEMA_TEXT.len()).expect("our own schema is short");
    let mut plain = schema_bytes.to_le_bytes().to_vec();
    plain.extend_from_slice(SCHEMA_TEXT.as_bytes());
    GenericDatumWriter::builder(&SCHEMA)
        .human_readable(true)
        .build()
        .and_then(|writer| writer.write_ser(&mut plain, footer))
        .map_err(Box::new)?;
    if plain.len() > MAX_FOOTER_BYTES {
        return Err(FooterError::TooLarge(plain.len()));
    }
    zstd::bulk::compress(&plain, LEVEL).map_err(FooterError::Compress)
}

/// Unpacks a footer, by the schema that lies beside it.
pub(super) fn decode(packed: &[u8]) -> Result<Footer, FooterError> {
    let plain = inflate(Codec::Zstd, packed, MAX_FOOTER_BYTES)?;
    let (length, rest) = plain.split_first_chunk::<4>().ok_or(FooterError::Short)?;
    let (schema, datum) = rest
        .split_at_checked(u32::from_le_bytes(*length) as usize)
        .ok_or(FooterError::Short)?;
    if schema == SCHEMA_TEXT.as_bytes() {
        return read(&SCHEMA, datum);
    }
    let schema = std::str::from_utf8(schema).map_err(|_| FooterError::Short)?;
    read(&Schema::parse_str(schema).map_err(Box::new)?, datum)
}

fn read(schema: &Schema, mut datum: &[u8]) -> Result<Footer, FooterError> {
    let footer = GenericDatumReader::builder(schema)
        .human_readable(true)
        .build()
        .and_then(|reader| reader.read_deser(&mut datum))
        .map_err(Box::new)?;
    Ok(footer)
}

/// Avro's `long` is signed; offsets and sizes stay far below its end.
pub(super) mod as_long {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(i64::try_from(*number).map_err(ser::Error::custom)?)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        u64::try_from(i64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Avro's serializer takes a newtype for a record, so the log's id is written as the text that it is.
pub(super) mod as_log_id {
    use hindsight_schemas::ids::LogId;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(log_id: &LogId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(log_id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LogId, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map(LogId)
            .map_err(de::Error::custom)
    }
}

/// Topics by the name that they have on the wire.
pub(super) mod as_topic {
    use hindsight_schemas::ids::Topic;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(topic: &Topic, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(topic.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Topic, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Positions as one flat record.
pub(super) mod as_position {
    use hindsight_schemas::ids::{LogId, Partition, Topic};
    use serde::{Deserializer, Serializer};

    use super::{Deserialize, Position, Serialize, as_log_id, as_long, as_topic};

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Position")]
    struct Flat {
        #[serde(with = "as_log_id")]
        log_id: LogId,
        #[serde(with = "as_topic")]
        topic: Topic,
        partition: u32,
        #[serde(with = "as_long")]
        offset: u64,
    }

    pub(crate) fn serialize<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
        let Position {
            log_id,
            partition: Partition { topic, partition },
            offset,
        } = *position;
        Flat {
            log_id,
            topic,
            partition,
            offset,
        }
        .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
        let Flat {
            log_id,
            topic,
            partition,
            offset,
        } = Flat::deserialize(deserializer)?;
        Ok(Position {
            log_id,
            partition: Partition { topic, partition },
            offset,
        })
    }
}
