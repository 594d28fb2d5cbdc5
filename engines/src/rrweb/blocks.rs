//! Finds JSON's brackets outside of strings, 64 bytes at a time and without branches on the bytes.
//!
//! Stage one of simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019) in portable integer
//! arithmetic: each class of bytes becomes a 64-bit mask, a prefix XOR over the quotes tells what is inside of
//! strings. Two words of state are carried from block to block, whatever the input.

/// How many bytes are classified at once.
pub(super) const BLOCK: usize = 64;

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
        let words = words(block);
        let backslashes = equal(&words, b'\\');
        let quotes = equal(&words, b'"') & !self.escaped_by(backslashes);
        let in_string = prefix_xor(quotes) ^ self.in_string;
        self.in_string = if in_string >> 63 == 1 { u64::MAX } else { 0 };

        // '{' and '[', '}' and ']' differ in bit 0x20 only.
        let folded = words.map(|word| word | repeat(0x20));
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

fn repeat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

fn words(block: &[u8; BLOCK]) -> [u64; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
        *word = u64::from_le_bytes(bytes.try_into().expect("chunks of 8"));
    }
    words
}

/// The mask of the bytes that equal `byte`.
fn equal(words: &[u64; 8], byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    /// Gathers the lowest bit of each byte into the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let pattern = repeat(byte);
    words.iter().enumerate().fold(0, |mask, (index, word)| {
        let differs = word ^ pattern;
        // The high bit of each byte is set where the byte differs; exact, without carries between bytes.
        let nonzero = ((differs & LOW) + LOW) | differs;
        let equal = (!nonzero & !LOW) >> 7;
        mask | (equal.wrapping_mul(GATHER) >> 56) << (8 * index)
    })
}

/// Bit i of the result is the parity of bits 0..=i.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
