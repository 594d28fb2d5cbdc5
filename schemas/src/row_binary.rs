//! ClickHouse's RowBinary encoding for our rows, and the column types that need a type of their own.
//!
//! **Invariant:** a row's bytes follow its `COLUMNS`, which follow the DDL's column order (a test against the
//! real engine inserts and reads back every column). Encoding can't fail and has no bound of its own: the
//! caller bounds a block by its bytes. Source: <https://clickhouse.com/docs/interfaces/formats/RowBinary>.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// A table's row: where it goes, in which order its columns lie, and its bytes.
pub trait Row {
    /// The table's name, without database.
    const TABLE: &'static str;
    /// The columns in the order of [`Row::encode`].
    const COLUMNS: &'static [&'static str];

    /// The time that decides the table partition (its month): the identity's own.
    fn identity_time(&self) -> Millis;

    /// Appends the row in RowBinary.
    fn encode(&self, out: &mut Vec<u8>);

    /// The columns as a SELECT list whose JSON lines deserialize into the row.
    fn select_list() -> String;

    /// The table partition of the row as `toYYYYMM` has it: one insert may not cross it.
    fn partition(&self) -> u32 {
        let date = self
            .identity_time()
            .timestamp()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        u32::from(date.year().unsigned_abs()) * 100 + u32::from(date.month().unsigned_abs())
    }
}

/// The version of a row of `ReplacingMergeTree(version)`: the lowest offset has the greatest, on a tie the lower
/// partition. An offset takes 52 bits, a partition 12, so the order is total and the engine alone decides.
pub fn winning_version(log_partition: u32, log_offset: u64) -> u64 {
    const PARTITION_BITS: u32 = 12;
    debug_assert!(
        log_offset >> (64 - PARTITION_BITS) == 0,
        "offset {log_offset} needs more than 52 bits"
    );
    debug_assert!(
        log_partition >> PARTITION_BITS == 0,
        "partition {log_partition} needs more than 12 bits"
    );
    u64::MAX - ((log_offset << PARTITION_BITS) | u64::from(log_partition))
}

/// One column's value in RowBinary.
pub trait Column {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);

    /// The expression that reads the column as JSON that serde understands.
    fn select(name: &str) -> String {
        format!("`{name}`")
    }
}

macro_rules! fixed_width {
    ($($number:ty),*) => {$(
        impl Column for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
fixed_width!(u8, u16, u32, u64, i32, i64, f64);

impl Column for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

fn put_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

impl Column for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }
}

impl Column for Uuid {
    /// Two little-endian halves, the high one first.
    fn put(&self, out: &mut Vec<u8>) {
        let (high, low) = self.as_u64_pair();
        high.put(out);
        low.put(out);
    }
}

impl<T: Column> Column for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_none().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
}

impl<T: Column> Column for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        self.iter().for_each(|item| item.put(out));
    }
}

impl<V: Column> Column for BTreeMap<String, V> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }
}

/// A SHA-256: `FixedString(32)` in the table, lower-case hex in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Column for Digest {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn select(name: &str) -> String {
        format!("lower(hex(`{name}`)) AS `{name}`")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(
            &self
                .0
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        )
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        let refused = || de::Error::custom(format!("{hex:?} is not 64 hex digits"));
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(refused());
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refused())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        Ok(Self(digest))
    }
}

/// What `DateTime64` shows and reads back: 1900-01-01 to 2299-12-31, Unix seconds. A page's clock may say anything;
/// times beyond go into a table as the nearer end, and stay as they are in the segments.
const DATETIME64_S: std::ops::RangeInclusive<i64> = -2_208_988_800..=10_413_791_999;

macro_rules! time_column {
    ($(#[$doc:meta])* $name:ident($unit:ty), $from:path, $as:ident, $precision:expr, $range:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub $unit);

        impl $name {
            /// The instant; one outside the range of dates is taken to its nearer end.
            pub fn timestamp(self) -> Timestamp {
                let end = if i64::from(self.0) < 0 { Timestamp::MIN } else { Timestamp::MAX };
                $from(i64::from(self.0)).unwrap_or(end)
            }
        }

        impl Column for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.clamp(*$range.start(), *$range.end()).put(out);
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let printer = DateTimePrinter::new().precision(Some($precision));
                serializer.serialize_str(&printer.timestamp_to_string(&self.timestamp()))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let time = Timestamp::deserialize(deserializer)?.$as();
                <$unit>::try_from(time).map(Self).map_err(|_| de::Error::custom(format!("time {time} is out of range")))
            }
        }
    };
}
time_column!(
    /// `DateTime64(3)`: Unix milliseconds; RFC 3339 in JSON.
    Millis(i64), Timestamp::from_millisecond, as_millisecond, 6, DATETIME64_S.start() * 1_000..=DATETIME64_S.end() * 1_000
);
time_column!(
    /// `DateTime64(6)`: Unix microseconds; RFC 3339 in JSON.
    Micros(i64), Timestamp::from_microsecond, as_microsecond, 6, DATETIME64_S.start() * 1_000_000..=DATETIME64_S.end() * 1_000_000
);
time_column!(
    /// `DateTime`: Unix seconds; RFC 3339 in JSON.
    Seconds(u32), Timestamp::from_second, as_second, 0, 0..=u32::MAX
);

/// Declares a row: the struct, its table, its columns and its encoding from one list, so they can't differ.
/// `computed` columns follow the fields and come from a function of the row.
macro_rules! row {
    (
        $(#[$doc:meta])*
        pub struct $name:ident in $table:literal by |$this:ident| $time:expr $(, computed { $($extra:ident = $value:expr),* })?;
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $crate::row_binary::Row for $name {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field),)* $($(stringify!($extra)),*)?];

            fn identity_time(&self) -> $crate::row_binary::Millis {
                let $this = self;
                $time
            }

            fn encode(&self, out: &mut Vec<u8>) {
                use $crate::row_binary::Column;
                $(self.$field.put(out);)*
                $($({
                    let $this = self;
                    $value.put(out);
                })*)?
            }

            fn select_list() -> String {
                [$(<$type as $crate::row_binary::Column>::select(stringify!($field))),*].join(", ")
            }
        }
    };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_offset_then_lowest_partition_has_the_greatest_version() {
        assert!(winning_version(7, 1) > winning_version(0, 2));
        assert!(winning_version(0, 2) > winning_version(1, 2));
    }

    #[test]
    fn lengths_are_leb128() {
        let mut out = vec![];
        "x".repeat(300).put(&mut out);
        assert_eq!(&out[..3], [0xac, 0x02, b'x']);
    }

    #[test]
    fn times_and_digests_survive_json() {
        let json = serde_json::to_string(&(Millis(-1), Micros(1), Seconds(7), Digest([0xab; 32]))).unwrap();
        assert!(
            json.starts_with(r#"["1969-12-31T23:59:59.999000Z","1970-01-01T00:00:00.000001Z","#),
            "{json}"
        );
        let back: (Millis, Micros, Seconds, Digest) = serde_json::from_str(&json).unwrap();
        assert_eq!(back, (Millis(-1), Micros(1), Seconds(7), Digest([0xab; 32])));
    }
}
