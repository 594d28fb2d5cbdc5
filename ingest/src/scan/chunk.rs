//! Classifies the bytes of a string, many at a time: bit i of the mask stands for byte i.
//!
//! By the vector unit that every CPU of the target has (SSE2 on x86-64), so nothing is asked at run time.

use wide::u8x16;

/// How many bytes are looked at at once.
pub(super) const CHUNK: usize = 2 * LANES;
const LANES: usize = 16;

/// The bytes that end or interrupt a string: quote, backslash, control characters.
#[inline(always)]
pub(super) fn special_bytes(chunk: &[u8; CHUNK]) -> u32 {
    let (low, high) = chunk.split_at(LANES);
    special(low) | special(high) << LANES
}

#[inline(always)]
fn special(half: &[u8]) -> u32 {
    let half: [u8; LANES] = half.try_into().expect("half a chunk");
    let bytes = u8x16::from(half);
    let equal = |byte| bytes.simd_eq(u8x16::splat(byte));
    // The lesser of byte and 0x1f is the byte itself: it is 0x1f at most.
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (equal(b'"') | equal(b'\\') | control).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_by_one(chunk: &[u8; CHUNK]) -> u32 {
        let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        (0..CHUNK).fold(0, |mask, at| mask | u32::from(special(chunk[at])) << at)
    }

    #[test]
    fn each_byte_is_known_at_each_place() {
        for byte in 0..=255 {
            for place in 0..CHUNK {
                let mut chunk = [b'a'; CHUNK];
                chunk[place] = byte;
                assert_eq!(special_bytes(&chunk), one_by_one(&chunk), "{byte:#x} at {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn neighbours_make_no_difference(chunk in any::<[u8; CHUNK]>()) {
            prop_assert_eq!(special_bytes(&chunk), one_by_one(&chunk));
        }
    }
}
