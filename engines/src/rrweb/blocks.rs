//! Finds JSON's brackets outside of strings, 64 bytes at a time and without branches on the bytes.
//!
//! Stage one of simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019) in portable vectors: each
//! class of bytes becomes a 64-bit mask, a prefix XOR over the quotes tells what is inside of
//! strings. Two words of state are carried from block to block, whatever the input.

use wide::u8x16;

/// How many bytes are classified at once.
pub(super) const BLOCK: usize = 64;
const LANES: usize = 4;

/// Brackets of one block, outside of strings: bit i stands for byte i.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Brackets {
    /// `{` and `[`.
    pub(super) opens: u64,
    /// `}` and `]`.
    pub(super) closes: u64,
}

/// What the end of one block tells the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Carry {
    /// All ones while a string is open.
    in_string: u64,
    /// 1 if the next byte is escaped by a backslash.
    escaped: u64,
}

impl Carry {
    /// Classifies the next block.
    pub(super) fn brackets(&mut self, block: &[u8; BLOCK]) -> Brackets {
        let lanes = lanes(block);
        let backslashes = equal(&lanes, b'\\');
        let quotes = equal(&lanes, b'"') & !self.escaped_by(backslashes);
        let in_string = prefix_xor(quotes) ^ self.in_string;
        self.in_string = if in_string >> 63 == 1 { u64::MAX } else { 0 };

        // '{' and '[', '}' and ']' differ in bit 0x20 only.
        let folded = lanes.map(|lane| lane | u8x16::splat(0x20));
        Brackets {
            opens: equal(&folded, b'{') & !in_string,
            closes: equal(&folded, b'}') & !in_string,
        }
    }

    /// Which bytes follow an odd run of backslashes.
    fn escaped_by(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let mut escaped = self.escaped;
        let mut next = 0;
        let mut left = backslashes;
        while left != 0 {
            let bit = left & left.wrapping_neg();
            left ^= bit;
            if escaped & bit == 0 {
                escaped |= bit << 1;
                next = bit >> 63;
            }
        }
        self.escaped = next;
        escaped
    }
}

fn lanes(block: &[u8; BLOCK]) -> [u8x16; LANES] {
    let mut lanes = [u8x16::ZERO; LANES];
    for (lane, bytes) in lanes.iter_mut().zip(block.chunks_exact(BLOCK / LANES)) {
        let bytes: [u8; BLOCK / LANES] = bytes.try_into().expect("chunks of a lane");
        *lane = u8x16::from(bytes);
    }
    lanes
}

/// The mask of the bytes that equal `byte`.
fn equal(lanes: &[u8x16; LANES], byte: u8) -> u64 {
    let wanted = u8x16::splat(byte);
    lanes.iter().enumerate().fold(0, |mask, (index, lane)| {
        mask | u64::from(lane.simd_eq(wanted).to_bitmask()) << (BLOCK / LANES * index)
    })
}

/// Bit i of the result is the parity of bits 0..=i.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
