//! Bodies whole and broken; zlib-rs' own gzip mode is the oracle.

use proptest::prelude::*;

use super::*;
use std::convert::Infallible;
use std::io::Write;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn check(packed: &[u8], most: usize) -> Result<Vec<u8>, GunzipError<Infallible>> {
    let mut plain = Vec::new();
    gunzip(packed, &mut plain, most, |_| Ok(())).map(|()| plain)
}

#[test]
fn members_are_joined_and_an_empty_one_is_nothing() {
    let text: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(check(&gzip(&text), text.len()).unwrap(), text);
    assert_eq!(check(&gzip(b""), 0).unwrap(), b"");
    let two = [gzip(&text), gzip(b"end"), gzip(b"")].concat();
    assert_eq!(check(&two, usize::MAX).unwrap(), [&text[..], b"end"].concat());
}

#[test]
fn a_length_that_lies_makes_no_difference() {
    let text = vec![b'a'; 300_000];
    for said in [0, 1, 299_999, 300_001, u32::MAX] {
        let mut packed = gzip(&text);
        let at = packed.len() - 4;
        packed[at..].copy_from_slice(&said.to_le_bytes());
        let refused = check(&packed, 1 << 20);
        assert!(
            matches!(refused, Err(GunzipError::Damaged(_))),
            "{said}: {refused:?}"
        );
    }
}

#[test]
fn the_limit_is_exact_and_room_is_asked_for_first() {
    let packed = gzip(&vec![b'a'; 100_000]);
    assert!(check(&packed, 100_000).is_ok());
    assert!(matches!(check(&packed, 99_999), Err(GunzipError::TooLarge)));
    let mut plain = Vec::new();
    let refused = gunzip(&packed, &mut plain, 1 << 20, |room| {
        if room > 9 { Err(room) } else { Ok(()) }
    });
    assert!(matches!(refused, Err(GunzipError::NoRoom(100_001))));
    assert_eq!(plain.capacity(), 0);
}

#[test]
fn every_cut_is_truncated_and_rubbish_is_damage() {
    let packed = gzip(b"some text that is packed");
    for cut in 0..packed.len() {
        assert!(
            matches!(check(&packed[..cut], 1 << 20), Err(GunzipError::Truncated)),
            "cut to {cut}"
        );
    }
    let trailing = [&packed[..], b"rubbish"].concat();
    assert!(matches!(check(&trailing, 1 << 20), Err(GunzipError::Damaged(_))));
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let packed = gzip(&vec![0; 8 << 20]);
    assert!(packed.len() * 64 < 8 << 20);
    let mut plain = Vec::new();
    let refused = gunzip(&packed, &mut plain, 1 << 20, |_| Ok::<_, Infallible>(()));
    assert!(matches!(refused, Err(GunzipError::TooLarge)));
    assert!(plain.capacity() <= (1 << 20) + 1);
}

/// What became of a body.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Text(Vec<u8>),
    TooLarge,
    Truncated,
    Damaged,
}

fn ours(packed: &[u8], most: usize) -> Outcome {
    match check(packed, most) {
        Ok(text) => Outcome::Text(text),
        Err(GunzipError::TooLarge) => Outcome::TooLarge,
        Err(GunzipError::Truncated) => Outcome::Truncated,
        Err(GunzipError::Damaged(_)) => Outcome::Damaged,
        Err(GunzipError::NoRoom(never)) => match never {},
    }
}

/// Member after member by the decoder's gzip mode, one step after the other.
fn oracle(packed: &[u8], most: usize) -> Outcome {
    let mut decoder = Decompress::new_gzip(15);
    let (mut rest, mut text) = (packed, Vec::new());
    loop {
        text.reserve(4_096);
        let before = decoder.total_in();
        let Ok(status) = decoder.decompress_vec(rest, &mut text, FlushDecompress::Finish) else {
            return Outcome::Damaged;
        };
        rest = &rest[usize::try_from(decoder.total_in() - before).unwrap()..];
        match status {
            _ if text.len() > most => return Outcome::TooLarge,
            Status::StreamEnd if rest.is_empty() => return Outcome::Text(text),
            Status::StreamEnd => decoder.reset(true),
            _ if text.len() < text.capacity() => return Outcome::Truncated,
            _ => {}
        }
    }
}

/// A member with everything that a header may hold.
fn member(text: &[u8], level: u32, header: &[bool; 4]) -> Vec<u8> {
    let [extra, name, comment, checksum] = *header;
    let mut builder = flate2::GzBuilder::new().mtime(7);
    if extra {
        builder = builder.extra(&b"two bytes of length come first"[..]);
    }
    if name {
        builder = builder.filename("a name");
    }
    if comment {
        builder = builder.comment("a comment");
    }
    let mut encoder = builder.write(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(text).unwrap();
    let mut packed = encoder.finish().unwrap();
    if checksum {
        packed[3] |= 1 << 1;
        let length = 10
            + usize::from(extra) * (2 + b"two bytes of length come first".len())
            + usize::from(name) * b"a name\0".len()
            + usize::from(comment) * b"a comment\0".len();
        let sum = (crc32fast::hash(&packed[..length]) as u16).to_le_bytes();
        packed.splice(length..length, sum);
    }
    packed
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..600),
        ("[a-c]{1,9}", 0..3_000_usize).prop_map(|(word, times)| word.repeat(times).into_bytes()),
    ]
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let members = (any_text(), 0..10_u32, any::<[bool; 4]>())
        .prop_map(|(text, level, header)| member(&text, level, &header));
    prop::collection::vec(members, 1..4).prop_map(|members| members.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whole_bodies_are_read_as_the_oracle_reads_them(body in any_body(), most in 0..20_000_usize) {
        prop_assert_eq!(ours(&body, usize::MAX - 1), oracle(&body, usize::MAX - 1));
        prop_assert_eq!(ours(&body, most), oracle(&body, most));
    }

    /// Cut, with a byte changed, with bytes behind it.
    #[test]
    fn broken_bodies_are_refused_as_the_oracle_refuses_them(
        mut body in any_body(), at in any::<prop::sample::Index>(), change in 0..3, bytes in prop::collection::vec(any::<u8>(), 1..12)
    ) {
        let place = at.index(body.len());
        match change {
            0 => body.truncate(place),
            1 => body[place] ^= bytes[0],
            _ => body.extend_from_slice(&bytes),
        }
        prop_assert_eq!(ours(&body, 1 << 20), oracle(&body, 1 << 20));
    }

    #[test]
    fn any_bytes_behind_a_header_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &bytes].concat();
        prop_assert_eq!(ours(&body, 1 << 20), oracle(&body, 1 << 20));
    }
}
