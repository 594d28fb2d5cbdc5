//! Kafka's partitioner: murmur2 of the key, as in `org.apache.kafka.common.utils.Utils`.
//!
//! **Invariant:** the same key goes to the same partition here, in librdkafka (`murmur2_random`) and in the
//! Java client, so a log can move between the two sizes. The known vectors are tested below.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The 32-bit hash that Kafka's default partitioner uses.
pub fn murmur2(key: &[u8]) -> u32 {
    // The length is mixed in as a 32-bit number, as in Java where an array can't be longer.
    let mut hash = SEED ^ (key.len() as u32);
    let mut words = key.chunks_exact(4);
    for word in words.by_ref() {
        let mut k = u32::from_le_bytes(word.try_into().expect("chunks_exact gives four bytes"));
        k = k.wrapping_mul(M);
        k ^= k >> R;
        k = k.wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a key: the hash without its sign bit, modulo the number of partitions.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn agrees_with_kafka() {
        for (key, expected) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
        }
    }

    #[test]
    fn every_key_has_a_partition() {
        assert_eq!(partition_of(b"anything", 1), 0);
        assert!(partition_of(b"", 8) < 8);
        assert_eq!(
            partition_of(b"foobar", 8),
            (-790_332_482_i32 & 0x7fff_ffff) as u32 % 8
        );
    }
}
