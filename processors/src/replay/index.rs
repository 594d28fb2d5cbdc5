//! Rows of the replay index, made from footers. Pure.

use std::collections::BTreeSet;

use hindsight_engines::segments::FlushFrame;
use hindsight_engines::segments::format::{Batch, Footer, Frame};
use hindsight_schemas::ids::Seq;
use hindsight_schemas::row_binary::{Digest, Millis, Seconds};
use hindsight_schemas::rows::Segment;

/// The row of a flush frame.
pub(crate) fn flush_row(frame: &FlushFrame) -> Segment {
    let digest = Digest(frame.batch.content_sha256.0);
    row(
        &frame.object,
        frame.frame,
        &frame.described,
        &[&frame.batch],
        0,
        digest,
    )
}

/// The rows of a session generation, by the claim's footer.
pub(crate) fn generation_rows(claim: &Footer) -> Vec<Segment> {
    let Some(session) = &claim.session else {
        return Vec::new();
    };
    let frames = (0..).zip(&claim.frames);
    let rows = frames.filter_map(|(number, frame)| {
        let held: Vec<&Batch> = claim
            .batches
            .iter()
            .filter(|batch| batch.tab == frame.tab && frame.runs.iter().any(|run| run.seq == batch.seq))
            .collect();
        let digest = Digest(frame.sha256.0);
        (!held.is_empty()).then(|| {
            row(
                &session.data_path,
                number,
                frame,
                &held,
                session.generation,
                digest,
            )
        })
    });
    rows.collect()
}

fn row(
    object: &str,
    number: u32,
    frame: &Frame,
    held: &[&Batch],
    generation: u32,
    content_sha256: Digest,
) -> Segment {
    let seqs: BTreeSet<Seq> = frame.runs.iter().map(|run| run.seq).collect();
    let (from, to) = (
        seqs.first().copied().unwrap_or(0),
        seqs.last().copied().unwrap_or(0),
    );
    let (seqs_missing, seqs_held) = within(from, to, seqs);
    let first = held
        .iter()
        .map(|batch| batch.position)
        .min_by_key(|position| position.offset);
    let position = first.expect("a frame holds a batch");
    let expires_at_s = held.iter().map(|batch| batch.expires_at_s).max().unwrap_or(0);
    Segment {
        project: frame.project.to_string(),
        session_id: frame.session_id.uuid(),
        started_at: Millis(frame.session_id.unix_ms()),
        tab: frame.tab.to_string(),
        seq_from: from,
        seq_to: to,
        seqs_missing,
        seqs_held,
        from_at: Millis(frame.from_ms),
        to_at: Millis(frame.to_ms),
        keyframe: !frame.keyframes.is_empty(),
        object: object.to_owned(),
        frame: number,
        offset: frame.offset,
        bytes: frame.bytes,
        raw_bytes: frame.raw_bytes,
        codec: "zstd".to_owned(),
        generation,
        events: frame.events,
        url: frame.url.clone(),
        dictionary: frame.dictionary.map_or_else(String::new, |base| base.to_string()),
        content_sha256,
        expires_at: Seconds(u32::try_from(expires_at_s.max(0)).unwrap_or(u32::MAX)),
        log_id: position.log_id.0,
        log_partition: position.partition.partition,
        log_offset: position.offset,
    }
}

/// (missing, held): which numbers a frame lacks, or which it holds where those are fewer. Numbers may lie as far apart as
/// a writer likes, so what is listed is bounded by what the frame holds.
fn within(from: Seq, to: Seq, held: BTreeSet<Seq>) -> (Vec<Seq>, Vec<Seq>) {
    let missing = (u64::from(to) - u64::from(from) + 1).saturating_sub(held.len() as u64);
    if missing > held.len() as u64 {
        return (Vec::new(), held.into_iter().collect());
    }
    ((from..to).filter(|seq| !held.contains(seq)).collect(), Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(held: &[Seq], missing: &[Seq], named: &[Seq]) {
        let (from, to) = (held[0], held[held.len() - 1]);
        let (lacks, holds) = within(from, to, held.iter().copied().collect());
        assert_eq!((&lacks[..], &holds[..]), (missing, named), "{held:?}");
    }

    #[test]
    fn the_shorter_list_is_kept() {
        check(&[7], &[], &[]);
        check(&[0, 1, 2, 4], &[3], &[]);
        check(&[0, 2], &[1], &[]);
        check(&[0, 9], &[], &[0, 9]);
        check(&[0, Seq::MAX], &[], &[0, Seq::MAX]);
    }
}
