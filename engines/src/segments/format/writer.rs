//! Lays out an object: header, frames, footer, trailer. No I/O: the caller appends the bytes it is handed, in order.
//!
//! **Invariant:** the same frames and batches in the same order give the same bytes.

use super::avro::{self, FooterError};
use super::describe::FrameText;
use super::footer::{Batch, Conflict, Digest, Footer, Frame, FrameCodec, Kind, LogRange, SessionGeneration};
use super::layout::{HEADER_BYTES, Trailer, header};
use hindsight_schemas::ids::{ProjectId, SessionId, Tab};

/// Writes one object.
#[derive(Debug)]
pub struct ObjectWriter {
    footer: Footer,
    at: u64,
}

/// Whose events a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The project.
    pub project: ProjectId,
    /// The session.
    pub session_id: SessionId,
    /// The tab.
    pub tab: Tab,
}

impl ObjectWriter {
    /// For the frames of a range of the log.
    pub fn flush(materializer_version: u32, range: LogRange) -> Self {
        Self::new(Kind::Flush, materializer_version, Some(range), None)
    }

    /// For the frames of one session.
    pub fn data(materializer_version: u32, session: SessionGeneration) -> Self {
        Self::new(Kind::Data, materializer_version, None, Some(session))
    }

    fn new(
        kind: Kind,
        materializer_version: u32,
        range: Option<LogRange>,
        session: Option<SessionGeneration>,
    ) -> Self {
        let (frames, batches, conflicts) = (Vec::new(), Vec::new(), Vec::new());
        let footer = Footer {
            kind,
            materializer_version,
            range,
            session,
            frames,
            batches,
            conflicts,
        };
        Self {
            footer,
            at: HEADER_BYTES as u64,
        }
    }

    /// The bytes that an object begins with.
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        header()
    }

    /// Notes a frame whose packed bytes come next; its number. `url` is the page's address at the frame's end.
    pub fn frame(
        &mut self,
        owner: Owner,
        text: &FrameText,
        url: String,
        packed: &[u8],
        dictionary: Option<u32>,
    ) -> u32 {
        let number = u32::try_from(self.footer.frames.len()).expect("footers are bounded far below");
        let span = text.span();
        self.footer.frames.push(Frame {
            project: owner.project,
            session_id: owner.session_id,
            tab: owner.tab,
            offset: self.at,
            bytes: packed.len() as u64,
            raw_bytes: text.raw.len() as u64,
            codec: FrameCodec::Zstd,
            dictionary,
            sha256: Digest::of(packed),
            events: text.events(),
            from_ms: span.from_ms,
            to_ms: span.to_ms,
            url,
            keyframes: text.keyframes.clone(),
            open_meta: text.open_meta,
            runs: text.runs.clone(),
            active: text.active.clone(),
        });
        self.at += packed.len() as u64;
        number
    }

    /// Notes a batch whose events are in the frames.
    pub fn batch(&mut self, batch: Batch) {
        self.footer.batches.push(batch);
    }

    /// Notes what lost to a twin.
    pub fn conflicts(&mut self, conflicts: Vec<Conflict>) {
        self.footer.conflicts.extend(conflicts);
    }

    /// The bytes that come behind the frames, and the footer that is in them.
    pub fn finish(self) -> Result<(Vec<u8>, Footer), FooterError> {
        let tail = tail(&self.footer, self.at)?;
        Ok((tail, self.footer))
    }
}

/// The whole claim object of a data object.
pub fn claim(data: &Footer) -> Result<(Vec<u8>, Footer), FooterError> {
    let footer = Footer {
        kind: Kind::Claim,
        ..data.clone()
    };
    let mut bytes = header().to_vec();
    bytes.extend(tail(&footer, HEADER_BYTES as u64)?);
    Ok((bytes, footer))
}

fn tail(footer: &Footer, footer_at: u64) -> Result<Vec<u8>, FooterError> {
    let mut bytes = avro::encode(footer)?;
    let trailer = Trailer::of(&bytes, footer_at);
    bytes.extend_from_slice(&trailer.encode());
    Ok(bytes)
}
