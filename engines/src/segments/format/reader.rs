//! Reads objects: the footer from an object's tail, one frame from its stored bytes, or all of it to verify.
//!
//! **Failure:** every error says which object, and which frame of it. A damaged frame leaves the others readable
//! (save those that need it as dictionary); a damaged footer leaves none.

use super::avro::{self, FooterError};
use super::codec::{self, ZstdError};
use super::footer::{Digest, Footer, Frame, Kind};
use super::layout::{HEADER_BYTES, TRAILER_BYTES, Trailer, header};

/// Why an object can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It doesn't end (or begin) as a segment does.
    #[error("object {object} is not a segment, or its start or end is damaged")]
    NotASegment {
        /// Its name.
        object: String,
    },
    /// A newer layout.
    #[error("object {object} has layout version {version}: update this reader")]
    Version {
        /// Its name.
        object: String,
        /// Its version.
        version: u32,
    },
    /// Cut off or added to.
    #[error("object {object} has {found} bytes instead of {expected}")]
    Size {
        /// Its name.
        object: String,
        /// What its trailer says.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// Footer or trailer were changed.
    #[error("footer of object {object} is damaged: its checksum differs")]
    FooterChecksum {
        /// Its name.
        object: String,
    },
    /// The checksum is right, but we can't read it.
    #[error("footer of object {object} can't be read")]
    Footer {
        /// The object's name.
        object: String,
        /// Why.
        #[source]
        source: FooterError,
    },
    /// One frame can't be read.
    #[error("frame {frame} of object {object}: {problem}")]
    Frame {
        /// The object's name.
        object: String,
        /// The frame's number.
        frame: u32,
        /// What is wrong.
        #[source]
        problem: FrameProblem,
    },
}

/// What is wrong with a frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameProblem {
    /// The stored bytes were changed.
    #[error("checksum differs")]
    Checksum,
    /// The footer says that it lies where it can't.
    #[error("it lies outside of the object, or not behind the frame before it")]
    Range,
    /// It does not unpack.
    #[error("it does not unpack ({0})")]
    Unpack(#[from] ZstdError),
    /// Its dictionary is not a frame before it, or has one that is damaged.
    #[error("its dictionary, frame {0}, is missing or damaged")]
    Dictionary(u32),
    /// Its runs do not add up to its bytes.
    #[error("its runs do not match its bytes")]
    Runs,
}

/// How many bytes of an object's end to read first: enough for the footer of most flush objects.
pub const TAIL_BYTES: u64 = 64 << 10;

/// What an object's tail gave.
#[derive(Debug)]
pub enum Tail {
    /// The footer.
    Footer(Footer),
    /// Read this many bytes of the object's end and ask again.
    Needs(u64),
}

/// Reads the footer from the last bytes of an object that has `object_bytes`.
pub fn read_tail(object: &str, tail: &[u8], object_bytes: u64) -> Result<Tail, FormatError> {
    let Some((rest, trailer)) = tail.split_last_chunk::<TRAILER_BYTES>() else {
        return Err(FormatError::NotASegment {
            object: object.to_owned(),
        });
    };
    let trailer = Trailer::decode(object, trailer, object_bytes)?;
    let footer_bytes = usize::try_from(trailer.footer_bytes).unwrap_or(usize::MAX);
    let Some(footer_at) = rest.len().checked_sub(footer_bytes) else {
        return Ok(Tail::Needs(trailer.footer_bytes + TRAILER_BYTES as u64));
    };
    let packed = &rest[footer_at..];
    if !trailer.covers(packed) {
        return Err(FormatError::FooterChecksum {
            object: object.to_owned(),
        });
    }
    let footer = avro::decode(packed).map_err(|source| FormatError::Footer {
        object: object.to_owned(),
        source,
    })?;
    check_ranges(
        object,
        &footer,
        object_bytes - (footer_bytes + TRAILER_BYTES) as u64,
    )?;
    Ok(Tail::Footer(footer))
}

/// Frames lie one behind the other from the header on. (Those of a claim lie in its data object.)
fn check_ranges(object: &str, footer: &Footer, footer_at: u64) -> Result<(), FormatError> {
    let wrong = |frame: usize, problem| FormatError::Frame {
        object: object.to_owned(),
        frame: u32::try_from(frame).unwrap_or(u32::MAX),
        problem,
    };
    let mut at = HEADER_BYTES as u64;
    for (number, frame) in footer.frames.iter().enumerate() {
        if frame.offset != at || frame.bytes > u64::from(u32::MAX) {
            return Err(wrong(number, FrameProblem::Range));
        }
        at += frame.bytes;
        if let Some(dictionary) = frame
            .dictionary
            .filter(|dictionary| *dictionary as usize >= number)
        {
            return Err(wrong(number, FrameProblem::Dictionary(dictionary)));
        }
        let by_runs = frame
            .runs
            .iter()
            .try_fold(0_u64, |sum, run| sum.checked_add(run.raw_bytes));
        if by_runs != Some(frame.raw_bytes) {
            return Err(wrong(number, FrameProblem::Runs));
        }
    }
    let ends_at_footer = at == footer_at || footer.kind == Kind::Claim;
    if ends_at_footer {
        Ok(())
    } else {
        Err(wrong(footer.frames.len().saturating_sub(1), FrameProblem::Range))
    }
}

/// Reads the footer of a whole object.
pub fn read_footer(object: &str, bytes: &[u8]) -> Result<Footer, FormatError> {
    match read_tail(object, bytes, bytes.len() as u64)? {
        Tail::Footer(footer) if bytes.starts_with(&header()) => Ok(footer),
        Tail::Footer(_) => Err(FormatError::NotASegment {
            object: object.to_owned(),
        }),
        Tail::Needs(_) => Err(FormatError::FooterChecksum {
            object: object.to_owned(),
        }),
    }
}

/// Unpacks a frame from its stored bytes; `dictionary` are the unpacked bytes of the frame that it names.
pub fn read_frame(frame: &Frame, stored: &[u8], dictionary: Option<&[u8]>) -> Result<Vec<u8>, FrameProblem> {
    if Digest::of(stored) != frame.sha256 {
        return Err(FrameProblem::Checksum);
    }
    let prefix = match (frame.dictionary, dictionary) {
        (Some(number), None) => return Err(FrameProblem::Dictionary(number)),
        (Some(_), prefix) => prefix,
        (None, _) => None,
    };
    let raw_bytes = usize::try_from(frame.raw_bytes).unwrap_or(usize::MAX);
    Ok(codec::decode(stored, raw_bytes, prefix)?)
}

/// A whole object in memory.
#[derive(Debug)]
pub struct ObjectReader<'a> {
    object: &'a str,
    bytes: &'a [u8],
    footer: Footer,
}

impl<'a> ObjectReader<'a> {
    /// Reads the footer.
    pub fn open(object: &'a str, bytes: &'a [u8]) -> Result<Self, FormatError> {
        let footer = read_footer(object, bytes)?;
        Ok(Self {
            object,
            bytes,
            footer,
        })
    }

    /// What the object holds.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// Unpacks frame `number`, and first what it needs.
    pub fn frame(&self, number: u32) -> Result<Vec<u8>, FormatError> {
        // Dictionaries are earlier frames, so the chain ends.
        let mut chain = vec![number];
        while let Some(dictionary) = self.describe(chain[chain.len() - 1])?.dictionary {
            chain.push(dictionary);
        }
        let mut prefix: Option<Vec<u8>> = None;
        for link in chain.into_iter().rev() {
            let frame = self.describe(link)?;
            let raw = self
                .stored(frame)
                .and_then(|stored| read_frame(frame, stored, prefix.as_deref()))
                .map_err(|problem| self.error(link, problem))?;
            prefix = Some(raw);
        }
        Ok(prefix.unwrap_or_default())
    }

    /// Everything that is wrong with the object's frames.
    pub fn verify(&self) -> Vec<FormatError> {
        (0..self.footer.frames.len())
            .filter_map(|number| self.frame(u32::try_from(number).ok()?).err())
            .collect()
    }

    fn describe(&self, number: u32) -> Result<&Frame, FormatError> {
        let missing = || self.error(number, FrameProblem::Range);
        self.footer.frames.get(number as usize).ok_or_else(missing)
    }

    fn stored(&self, frame: &Frame) -> Result<&'a [u8], FrameProblem> {
        let range = frame.range();
        let bounds = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok());
        bounds
            .and_then(|(start, end)| self.bytes.get(start..end))
            .ok_or(FrameProblem::Range)
    }

    fn error(&self, frame: u32, problem: FrameProblem) -> FormatError {
        FormatError::Frame {
            object: self.object.to_owned(),
            frame,
            problem,
        }
    }
}
