//! Damaged objects: each region is noticed, told by name, and costs no more than it must.

use std::sync::Arc;

use bytes::Bytes;
use hindsight_engines::segments::format::{FormatError, FrameProblem, Interval, ObjectReader, read_footer};
use hindsight_engines::segments::{
    CompactError, CompactOptions, FlushError, FlushFrame, FrameError, FrameId, GapReason, Keep, LostBatch,
    Manifest, Month, Sources, State, Window, check_frames, compact, footer, put_flush,
};
use hindsight_schemas::record::{Codec, Layout};

use crate::segments_world::{LIMIT, World, at, batch, batches, flush_object, recording};

fn object() -> (String, Vec<u8>) {
    let events = recording("spa-todomvc-1");
    let records: Vec<_> = (10..).zip(batches("w_1", &events[..300], 100)).collect();
    let (path, object) = flush_object(&records);
    (path.to_string(), object.bytes.to_vec())
}

#[test]
fn any_changed_byte_is_noticed_and_only_its_frame_is_lost() {
    let (name, bytes) = object();
    let footer = read_footer(&name, &bytes).unwrap();
    let frames_end = footer.frames.last().unwrap().range().end;
    for at in (0..bytes.len()).filter(|at| at % 37 == 0 || *at < 20 || at + 70 > bytes.len()) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        match ObjectReader::open(&name, &damaged) {
            Err(error) => {
                assert!(at < 16 || at as u64 >= frames_end, "byte {at}: {error}");
                assert!(error.to_string().contains(&name), "{error}");
            }
            Ok(reader) => {
                let hit = footer
                    .frames
                    .iter()
                    .position(|frame| frame.range().contains(&(at as u64)));
                let problems = reader.verify();
                assert_eq!(problems.len(), 1, "byte {at}");
                let FormatError::Frame {
                    object,
                    frame,
                    problem: FrameProblem::Checksum,
                } = &problems[0]
                else {
                    panic!("byte {at}: {:?}", problems[0]);
                };
                assert_eq!((object, Some(*frame as usize)), (&name, hit), "byte {at}");
            }
        }
    }
}

#[test]
fn a_cut_or_longer_object_is_refused() {
    let (name, bytes) = object();
    for length in [0, 1, 16, 63, 64, 80, bytes.len() / 2, bytes.len() - 1] {
        assert!(ObjectReader::open(&name, &bytes[..length]).is_err(), "{length}");
    }
    let mut longer = bytes.clone();
    longer.insert(100, 0);
    let error = ObjectReader::open(&name, &longer).unwrap_err();
    assert!(matches!(error, FormatError::Size { .. }), "{error}");
}

#[test]
fn equal_records_give_equal_bytes() {
    assert_eq!(object(), object());
}

#[test]
fn a_batch_whose_events_are_not_those_that_were_hashed_blames_itself() {
    let events = recording("spa-todomvc-1");
    let range = flush_object(&[(
        1,
        batch("w_1", 0, &events[..9], Layout::JsonArray, Codec::Identity),
    )])
    .1
    .footer
    .range;
    let mut builder = hindsight_engines::segments::FlushBuilder::new(range.unwrap());

    let mut changed = batch("w_1", 0, &events[..9], Layout::JsonArray, Codec::Identity);
    changed.body[200] ^= 1;
    assert!(matches!(
        builder.push(&changed, at(1), LIMIT),
        Err(FrameError::Content { .. })
    ));
    let mut cut = batch("w_1", 0, &events[..9], Layout::JsonArray, Codec::Gzip);
    cut.body.truncate(50);
    assert!(matches!(
        builder.push(&cut, at(1), LIMIT),
        Err(FrameError::Body { .. })
    ));
    let bomb = batch("w_1", 0, &events[..9], Layout::JsonArray, Codec::Zstd);
    assert!(matches!(
        builder.push(&bomb, at(1), 100),
        Err(FrameError::Body { .. })
    ));
    assert_eq!(
        builder.finish().unwrap().footer.frames.len(),
        0,
        "nothing of them is in the object"
    );
}

#[tokio::test]
async fn a_repeated_range_is_the_stored_one_and_other_records_are_an_alarm() {
    let events = recording("spa-todomvc-1");
    let records: Vec<_> = (10..).zip(batches("w_1", &events[..300], 100)).collect();
    let world = World::new();
    let (path, object) = flush_object(&records);
    let nobody = |_: &_, _| false;
    put_flush(&*world.store, &path, &object, &nobody).await.unwrap();
    let (_, stored) = put_flush(&*world.store, &path, &object, &nobody).await.unwrap();
    assert_eq!(stored, object.footer);

    let (_, fewer) = flush_object(&[records[0].clone(), records[2].clone()]);
    let error = put_flush(&*world.store, &path, &fewer, &nobody)
        .await
        .unwrap_err();
    assert!(matches!(error, FlushError::IdentityChanged { .. }), "{error}");
    assert!(
        error.to_string().contains("w_1/1"),
        "it names the first difference: {error}"
    );
    put_flush(&*world.store, &path, &fewer, &|_, _| true)
        .await
        .expect("the session was erased meanwhile");
}

#[tokio::test]
async fn a_damaged_frame_in_the_store_damages_its_session_only_as_far_as_it_reaches() {
    let events = recording("spa-todomvc-1");
    let mut world = World::new();
    world.flush_all(10, batches("w_1", &events[..300], 100), 3).await;
    let row = world.index[1].clone();
    let path = row.object.parse().unwrap();
    let mut bytes = world.store.get(&path).await.unwrap().to_vec();
    bytes[usize::try_from(row.described.offset).unwrap() + 9] ^= 1;
    world.store.delete(&path).await.unwrap();
    world.store.put_create(&path, Bytes::from(bytes)).await.unwrap();
    footer(&*world.store, &path).await.expect("the footer is whole");

    let manifest = world.manifest(None);
    let mut reader = hindsight_engines::segments::FrameReader::new(world.store.clone(), manifest.clone());
    let mut read = Vec::new();
    for frame in &manifest.frames {
        match reader.raw(frame).await {
            Ok(raw) => read.push(raw.len() as u64 == frame.described.raw_bytes),
            Err(error) => {
                assert!(error.is_damage() && !error.is_not_found());
                assert!(
                    error
                        .to_string()
                        .contains(&format!("frame 1 of object {path}: checksum")),
                    "{error}"
                );
                read.push(false);
            }
        }
    }
    assert_eq!(read, [true, false, true]);
    let checked = check_frames(&*world.store, manifest.needed()).await.unwrap();
    assert_eq!(checked.damaged, [FrameId::of(&path, 1).unwrap()].into());
    assert_eq!((checked.whole.len(), checked.gone.len()), (2, 0));

    let unreadable = [FrameId::of(&path, 1).unwrap()];
    let damaged = |index: &[FlushFrame]| {
        let unreadable = unreadable.into();
        let sources = Sources {
            flush: index,
            closed: true,
            unreadable,
            ..Sources::default()
        };
        Arc::new(Manifest::of(sources).unwrap().unwrap())
    };
    let manifest = damaged(&world.index);
    assert_eq!(manifest.state, State::Damaged);
    let gap = &manifest.gaps[0];
    assert_eq!(
        (gap.reason, gap.seq_from, gap.seq_to),
        (GapReason::Unreadable, 1, 1),
        "what can't be read is a gap"
    );
    assert_eq!(
        (gap.from_ms, gap.to_ms),
        (Some(row.batch.first_at_ms), Some(row.batch.last_at_ms)),
        "it lies where the batch was"
    );
    let rest: Vec<_> = events[..100].iter().chain(&events[200..300]).cloned().collect();
    assert_eq!(
        world.read(&manifest, "w_1", Window::default()).await,
        rest,
        "and the rest plays"
    );

    let keep = Keep {
        class: "standard".parse().unwrap(),
        month: Month::of(1_800_000_000),
    };
    let manifest_gaps = manifest.gaps.clone();
    let refused = compact(world.store.clone(), manifest, &keep, CompactOptions::default()).await;
    assert!(
        matches!(refused, Err(CompactError::Damaged(_))),
        "no generation hides the damage: {refused:?}"
    );

    // Not even the footer: the index knows what was there.
    let lost: Vec<LostBatch> = world.index[1..2].iter().map(lost_batch).collect();
    let known: Vec<FlushFrame> = [&world.index[..1], &world.index[2..]].concat();
    let sources = Sources {
        flush: &known,
        closed: true,
        lost: &lost,
        ..Sources::default()
    };
    let without_footer = Manifest::of(sources).unwrap().unwrap();
    assert_eq!(without_footer.gaps, manifest_gaps);
    assert_eq!(without_footer.unreadable, unreadable.into());

    // A retry that was flushed later holds the same content.
    world
        .flush(&[(90, batches("w_1", &events[..300], 100).remove(1))])
        .await;
    let manifest = damaged(&world.index);
    assert!(manifest.gaps.is_empty() && manifest.unreadable.is_empty());
    assert_eq!(manifest.state, State::Stored, "nothing of it is lost");
    assert_eq!(
        world.read(&manifest, "w_1", Window::default()).await,
        events[..300]
    );
}

fn lost_batch(row: &FlushFrame) -> LostBatch {
    LostBatch {
        project: row.batch.project.clone(),
        session_id: row.batch.session_id,
        tab: row.batch.tab.clone(),
        seq: row.batch.seq,
        frame: FrameId::of(&row.object.parse().unwrap(), row.frame).unwrap(),
        known: Some((row.batch.position, row.batch.content_sha256)),
        span: Interval {
            from_ms: row.batch.first_at_ms,
            to_ms: row.batch.last_at_ms,
        },
    }
}
