//! `LZString.decompressFromBase64` (pieroxy/lz-string 1.4): how old posthog-js packed its calls.
//!
//! **Bound:** room is asked for the dictionary and the text before they grow. (A code of twenty bits can stand for
//! megabytes, and the decoders to be had bound neither.)

use super::workspace::Workspace;
use hindsight_schemas::problem::Refusal;

/// The first three codes say what follows: a character of 8 bits, one of 16, the end.
const NARROW: u32 = 0;
const WIDE: u32 = 1;
const END: u32 = 2;
const FIRST_ENTRY: u32 = 3;
/// Bytes of text or dictionary that are asked for at once.
const STEP: usize = 64 * 1024;

/// Why there is no text.
pub(super) enum Lz64Error {
    /// Not what lz-string makes.
    Damaged,
    /// The room was refused.
    NoRoom(Refusal),
}

/// A word of the dictionary: another word and one character behind it.
#[derive(Clone, Copy)]
struct Word {
    before: u32,
    last: u16,
    first: u16,
    length: u32,
}

/// The bits of the packed text, each character's highest first.
struct Bits<'p> {
    packed: std::slice::Iter<'p, u8>,
    value: u8,
    left: u32,
}

impl Bits<'_> {
    /// The next number; its lowest bit comes first.
    fn number(&mut self, bits: u32) -> Option<u32> {
        let mut number = 0;
        for place in 0..bits {
            if self.left == 0 {
                self.value = loop {
                    let byte = *self.packed.next()?;
                    if let Some(value) = value_of(byte) {
                        break value;
                    }
                };
                self.left = 6;
            }
            self.left -= 1;
            number |= u32::from(self.value >> self.left & 1) << place;
        }
        Some(number)
    }
}

/// A space is a plus sign that a form decoder took for one; `=` fills up and stands for nothing.
fn value_of(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b' ' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

struct Dictionary {
    words: Vec<Word>,
}

impl Dictionary {
    fn word(&self, code: u32) -> Option<Word> {
        self.words.get(code.checked_sub(FIRST_ENTRY)? as usize).copied()
    }

    /// Adds a word; its code.
    fn add(&mut self, word: Word) -> u32 {
        self.words.push(word);
        FIRST_ENTRY + u32::try_from(self.words.len() - 1).expect("fewer words than bits were packed")
    }

    fn next_code(&self) -> u32 {
        FIRST_ENTRY + u32::try_from(self.words.len()).expect("fewer words than bits were packed")
    }

    /// Writes a word at the end of a text, from its last character back.
    fn write(&self, code: u32, text: &mut Vec<u16>) {
        let Some(word) = self.word(code) else { return };
        let start = text.len();
        text.resize(start + word.length as usize, 0);
        let (mut word, mut at) = (word, text.len());
        loop {
            at -= 1;
            text[at] = word.last;
            if at == start {
                return;
            }
            word = self.word(word.before).expect("a word's beginning is a word");
        }
    }
}

/// The text that was packed.
pub(super) fn unpack(packed: &[u8], workspace: &mut Workspace<'_>) -> Result<String, Lz64Error> {
    let mut decoder = Decoder {
        bits: Bits {
            packed: packed.iter(),
            value: 0,
            left: 0,
        },
        dictionary: Dictionary { words: Vec::new() },
        text: Vec::new(),
        asked: 0,
    };
    decoder.run(workspace)?;
    workspace.ask(3 * decoder.text.len()).map_err(Lz64Error::NoRoom)?;
    String::from_utf16(&decoder.text).map_err(|_| Lz64Error::Damaged)
}

struct Decoder<'p> {
    bits: Bits<'p>,
    dictionary: Dictionary,
    text: Vec<u16>,
    /// Room that was given so far.
    asked: usize,
}

impl Decoder<'_> {
    fn run(&mut self, workspace: &mut Workspace<'_>) -> Result<(), Lz64Error> {
        let Some(first) = self.character(2)? else {
            return Ok(());
        };
        let mut before = first;
        self.make_room(1, workspace)?;
        self.dictionary.write(first, &mut self.text);
        // Codes are as wide as the greatest that can come; one more word is there than was written yet.
        let (mut width, mut until_wider) = (3, 4);
        loop {
            let known = self.dictionary.words.len();
            let Some(code) = self.code(width)? else {
                return Ok(());
            };
            until_wider -= self.dictionary.words.len() - known;
            widen(&mut width, &mut until_wider);
            let word = self.word_after(before, code)?;
            self.make_room(word.length as usize, workspace)?;
            let grown = self.grown(before, word.first)?;
            self.dictionary.add(grown);
            self.dictionary.write(code, &mut self.text);
            until_wider -= 1;
            widen(&mut width, &mut until_wider);
            before = code;
        }
    }

    /// The code that comes next, of a word that is known or about to be; `None` at the end.
    fn code(&mut self, width: u32) -> Result<Option<u32>, Lz64Error> {
        let code = self.bits.number(width).ok_or(Lz64Error::Damaged)?;
        self.meant(code)
    }

    /// The first character, behind a code of `width` bits.
    fn character(&mut self, width: u32) -> Result<Option<u32>, Lz64Error> {
        match self.bits.number(width) {
            Some(code @ (NARROW | WIDE | END)) => self.meant(code),
            _ => Err(Lz64Error::Damaged),
        }
    }

    fn meant(&mut self, code: u32) -> Result<Option<u32>, Lz64Error> {
        let bits = match code {
            NARROW => 8,
            WIDE => 16,
            END => return Ok(None),
            word => return Ok(Some(word)),
        };
        let character = self.bits.number(bits).ok_or(Lz64Error::Damaged)?;
        let character = u16::try_from(character).map_err(|_| Lz64Error::Damaged)?;
        Ok(Some(self.dictionary.add(Word {
            before: END,
            last: character,
            first: character,
            length: 1,
        })))
    }

    /// The word of a code: a known one, or the one that this step adds (the word before and its own first character).
    fn word_after(&self, before: u32, code: u32) -> Result<Word, Lz64Error> {
        if let Some(word) = self.dictionary.word(code) {
            return Ok(word);
        }
        let before_word = self.dictionary.word(before).ok_or(Lz64Error::Damaged)?;
        if code == self.dictionary.next_code() {
            self.grown(before, before_word.first)
        } else {
            Err(Lz64Error::Damaged)
        }
    }

    /// The word before with a character behind it.
    fn grown(&self, before: u32, character: u16) -> Result<Word, Lz64Error> {
        let word = self.dictionary.word(before).ok_or(Lz64Error::Damaged)?;
        Ok(Word {
            before,
            last: character,
            first: word.first,
            length: word.length.saturating_add(1),
        })
    }

    /// Room for so many characters more, and for two words.
    fn make_room(&mut self, characters: usize, workspace: &mut Workspace<'_>) -> Result<(), Lz64Error> {
        let text = size_of::<u16>() * (self.text.len() + characters);
        let words = size_of::<Word>() * (self.dictionary.words.len() + 2);
        // Vectors grow by doubling.
        let needed = 2 * (text + words);
        if needed > self.asked {
            let step = (needed - self.asked).max(STEP);
            workspace.ask(step).map_err(Lz64Error::NoRoom)?;
            self.asked += step;
        }
        Ok(())
    }
}

fn widen(width: &mut u32, until_wider: &mut usize) {
    if *until_wider == 0 {
        *until_wider = 1 << *width;
        *width += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Budget;

    async fn unpacked(packed: &str, most: usize) -> Result<String, &'static str> {
        let budget = Budget::new(8 << 20);
        let mut reservation = budget.reserve(0, std::time::Duration::ZERO).await.ok().unwrap();
        let mut workspace = Workspace::new(&mut reservation, most);
        unpack(packed.as_bytes(), &mut workspace).map_err(|error| match error {
            Lz64Error::Damaged => "damaged",
            Lz64Error::NoRoom(_) => "no room",
        })
    }

    /// Made by lz-string 1.5.0.
    #[tokio::test]
    async fn what_the_library_packs_is_unpacked() {
        let call = r#"[{"event":"$snapshot","properties":{"$snapshot_data":[{"type":4,"timestamp":1700000000000,"data":{"href":"https://shop.example/"}}]}}]"#;
        for (text, packed) in [
            ("", "Q==="),
            ("a", "IZA="),
            ("aaaaaaaa", "IY0o"),
            ("汉字 and ü — ab ab ab 汉字", "pI2nVtAECGB2AmYD9kCgEkBGaOiA"),
            (
                call,
                "NobwRApgbhB2AuYBcYAkBnWBDADugFgPaIA0YOAToThBfAJYTrLgbZ5HwD6AJlvFmSgw8AJ41kAFjIMAtkwGycyAIwB2AAxbtOjWT4CWYfBQgAzZMfjw8SAPR2C1AHQQAHliUAbCHbABffwBdQKCgA==",
            ),
        ] {
            assert_eq!(unpacked(packed, 1 << 20).await.as_deref(), Ok(text), "{packed}");
        }
    }

    #[tokio::test]
    async fn nonsense_is_damage_and_a_bomb_has_no_room() {
        for packed in ["", "I", "////////////////", "AAAA", "IY0"] {
            assert_eq!(unpacked(packed, 1 << 20).await, Err("damaged"), "{packed}");
        }
        // Each further code stands for one character more than the one before: the square of the length.
        assert_eq!(unpacked(&bomb(), 1 << 20).await, Err("no room"));
    }

    /// 4,000 times 'the word that is about to be'.
    fn bomb() -> String {
        let mut bits: Vec<bool> = Vec::new();
        let mut push =
            |number: usize, width: u32| bits.extend((0..width).map(|place| number >> place & 1 == 1));
        push(NARROW as usize, 2);
        push(usize::from(b'a'), 8);
        let (mut width, mut until_wider) = (3, 4);
        for code in 4..4_004 {
            push(code, width);
            until_wider -= 1;
            widen(&mut width, &mut until_wider);
        }
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = |six: &[bool]| six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit));
        bits.chunks_exact(6)
            .map(|six| char::from(alphabet[value(six)]))
            .collect()
    }
}
