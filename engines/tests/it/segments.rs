//! A session from batches to flush objects, manifests, events and generations.

use std::collections::BTreeSet;
use std::sync::Arc;

use hindsight_engines::rrweb::{EventHead, EventKind, split};
use hindsight_engines::segments::format::{Compression, Digest};
use hindsight_engines::segments::{
    CompactOptions, Compacted, Encoded, FrameReader, Holdings, Keep, Manifest, Month, Put, Sources, State,
    Window, compact, footer,
};
use hindsight_schemas::ids::FIRST_CLOCKED;
use hindsight_schemas::record::{Codec, Layout};
use proptest::prelude::*;

use crate::segments_world::{World, batch, batches, recording};

const ALL: Window = Window {
    from_ms: None,
    to_ms: None,
};

fn keep() -> Keep {
    Keep {
        class: "standard".parse().unwrap(),
        month: Month::of(1_800_000_000),
    }
}

async fn compacted(world: &World, manifest: &Arc<Manifest>, compression: Compression) -> Compacted {
    let options = CompactOptions {
        compression,
        ..CompactOptions::default()
    };
    compact(world.store.clone(), manifest.clone(), &keep(), options)
        .await
        .unwrap()
}

fn times(events: &[String]) -> Vec<i64> {
    events
        .iter()
        .map(|event| EventHead::of(event.as_bytes()).unwrap().timestamp_ms)
        .collect()
}

/// The last Meta that a FullSnapshot follows, at or before `from_ms`.
fn keyframe_before(events: &[String], from_ms: i64) -> usize {
    let kinds: Vec<_> = events
        .iter()
        .map(|event| EventHead::of(event.as_bytes()).unwrap())
        .collect();
    (0..events.len().saturating_sub(1))
        .rfind(|at| {
            kinds[*at].kind == EventKind::Meta
                && kinds[at + 1].kind == EventKind::FullSnapshot
                && kinds[*at].timestamp_ms <= from_ms
        })
        .unwrap_or(0)
}

#[tokio::test]
async fn what_was_sent_is_read_before_and_after_compaction() {
    for name in ["spa-todomvc-1", "shop-2", "calendar-1"] {
        let events = recording(name);
        let mut world = World::new();
        world.flush_all(5, batches("w_1", &events, 37), 4).await;
        let manifest = world.manifest(None);
        assert_eq!(manifest.state, State::Stored);
        assert_eq!(world.read(&manifest, "w_1", ALL).await, events, "{name}");

        let first = compacted(&world, &manifest, Compression::HOT).await;
        assert_eq!(first.claimed, Put::Created);
        let flushed = std::mem::take(&mut world.index);
        let manifest = world.manifest(Some(first.claim.clone()));
        assert_eq!(manifest.state, State::Complete);
        assert_eq!(
            world.read(&manifest, "w_1", ALL).await,
            events,
            "{name} from its generation"
        );

        // The generation alone, its flush objects gone, is enough for the next one.
        for row in flushed {
            world.store.delete(&row.object.parse().unwrap()).await.unwrap();
        }
        let second = compacted(&world, &manifest, Compression::COLD).await;
        let manifest = world.manifest(Some(second.claim));
        assert_eq!(manifest.generation(), 2);
        assert_eq!(
            world.read(&manifest, "w_1", ALL).await,
            events,
            "{name} from its second generation"
        );
    }
}

#[tokio::test]
async fn a_window_starts_at_its_keyframe_and_ends_in_time() {
    let events = recording("shop-2");
    let times = times(&events);
    for size in [23, 1_000] {
        check_windows(&events, &times, size).await;
    }
}

async fn check_windows(events: &[String], times: &[i64], size: usize) {
    let mut world = World::new();
    world.flush_all(0, batches("w_1", events, size), 5).await;
    let flushed = world.manifest(None);
    let generation = compacted(&world, &flushed, Compression::HOT).await;
    let compacted = world.manifest(Some(generation.claim));
    let (start, end) = (times[0], times[times.len() - 1]);
    for part in 0..=20 {
        let from_ms = start - 10 + (end - start + 20) * part / 20;
        for to_ms in [from_ms + 1, from_ms + 20_000, end + 1] {
            let window = Window {
                from_ms: Some(from_ms),
                to_ms: Some(to_ms),
            };
            let from = keyframe_before(events, from_ms);
            let expected: Vec<_> = (from..events.len())
                .filter(|at| times[*at] < to_ms)
                .map(|at| events[at].clone())
                .collect();
            for manifest in [&flushed, &compacted] {
                assert_eq!(world.read(manifest, "w_1", window).await, expected, "{window:?}");
            }
        }
    }
}

#[tokio::test]
async fn compaction_packs_later_frames_with_a_keyframe() {
    let events = recording("shop-2");
    let raw: usize = events.iter().map(|event| event.len() + 1).sum();
    let mut world = World::new();
    world.flush_all(0, batches("w_1", &events, 40), 5).await;
    let manifest = world.manifest(None);
    let made = compacted(&world, &manifest, Compression::HOT).await;
    let claim = &made.claim;
    let data = footer(
        &*world.store,
        &claim.session.as_ref().unwrap().data_path.parse().unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(
        (&data.frames, &data.batches),
        (&claim.frames, &claim.batches),
        "the claim says what the data object says"
    );

    let with_base = claim
        .frames
        .iter()
        .filter(|frame| frame.dictionary.is_some())
        .count();
    assert!(with_base >= 3, "{with_base} of {} frames", claim.frames.len());
    for frame in &claim.frames[1..] {
        let starts = frame
            .keyframes
            .first()
            .is_none_or(|key| (key.seq, key.index) == (frame.runs[0].seq, frame.runs[0].index));
        assert!(
            starts && frame.keyframes.len() <= 1,
            "a keyframe is where its frame begins"
        );
    }
    let stored: u64 = claim.frames.iter().map(|frame| frame.bytes).sum();
    let plain = zstd::encode_all(events.join("\n").as_bytes(), 3).unwrap().len();
    assert!(stored * 15 < raw as u64, "{stored} of {raw} bytes");
    assert!(
        stored < plain as u64 * 11 / 10,
        "{stored} bytes with random access, {plain} as one stream"
    );

    // The same manifest again gives the same bytes, so the claim of a racing compactor says the same.
    let again = compacted(&world, &manifest, Compression::HOT).await;
    assert_eq!((again.claimed, &again.claim), (Put::Exists, claim));
}

#[tokio::test]
async fn frames_are_served_alone_or_with_their_dictionary() {
    let events = recording("shop-2");
    let mut world = World::new();
    world.flush_all(0, batches("w_1", &events, 40), 5).await;
    let made = compacted(&world, &world.manifest(None), Compression::HOT).await;
    let manifest = world.manifest(Some(made.claim));
    let mut reader = FrameReader::new(world.store.clone(), manifest.clone());
    let mut dcz = 0;
    for frame in &manifest.frames {
        let raw = reader.raw(frame).await.unwrap();
        let Encoded::Zstd(alone) = reader.encoded(frame, false).await.unwrap() else {
            panic!("no dictionary was offered")
        };
        assert_eq!(
            zstd::decode_all(&alone[..]).unwrap(),
            raw,
            "any zstd decoder reads it"
        );
        if let Encoded::Dcz(body, dictionary) = reader.encoded(frame, true).await.unwrap() {
            dcz += 1;
            let dictionary = reader.raw(manifest.frame(dictionary).unwrap()).await.unwrap();
            assert_eq!(body[..8], [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0]);
            assert_eq!(body[8..40], Digest::of(&dictionary).0);
            let mut decoder = zstd::stream::read::Decoder::with_ref_prefix(&body[40..], &dictionary).unwrap();
            let mut unpacked = Vec::new();
            std::io::copy(&mut decoder, &mut unpacked).unwrap();
            assert_eq!(unpacked, raw);
        }
    }
    assert!(dcz > 0);
}

#[tokio::test]
async fn numbers_that_tell_time_have_no_holes() {
    let events = recording("spa-todomvc-1");
    let mut sent = batches("w_1", &events, 40);
    for batch in &mut sent {
        batch.seq = FIRST_CLOCKED + 64_000 * batch.seq;
    }
    let mut world = World::new();
    world.flush_all(0, sent, 6).await;
    let manifest = world.manifest(None);
    assert_eq!((manifest.state, &manifest.gaps[..]), (State::Stored, &[][..]));
    let packed = compacted(&world, &manifest, Compression::HOT).await;
    let manifest = world.manifest(Some(packed.claim));
    assert_eq!((manifest.state, &manifest.gaps[..]), (State::Complete, &[][..]));
    assert_eq!(world.read(&manifest, "w_1", ALL).await, events);
}

#[tokio::test]
async fn a_late_batch_shows_at_once_and_joins_the_next_generation() {
    let events = recording("spa-todomvc-1");
    let mut sent = batches("w_1", &events, 40);
    let late = sent.remove(5);
    let mut world = World::new();
    world.flush_all(0, sent, 6).await;
    let manifest = world.manifest(None);
    assert_eq!(manifest.state, State::Damaged);
    assert_eq!(
        manifest
            .gaps
            .iter()
            .map(|gap| (gap.seq_from, gap.seq_to))
            .collect::<Vec<_>>(),
        [(5, 5)]
    );
    let first = compacted(&world, &manifest, Compression::HOT).await;

    world.flush(&[(900, late)]).await;
    let manifest = world.manifest(Some(first.claim));
    assert_eq!((manifest.state, &manifest.gaps[..]), (State::Stored, &[][..]));
    assert_eq!(world.read(&manifest, "w_1", ALL).await, events);

    let second = compacted(&world, &manifest, Compression::HOT).await;
    let manifest = world.manifest(Some(second.claim));
    assert_eq!(manifest.state, State::Complete);
    assert_eq!(world.read(&manifest, "w_1", ALL).await, events);
}

#[tokio::test]
async fn the_lowest_position_wins_and_another_content_is_a_conflict() {
    let events = recording("spa-todomvc-1");
    let (ours, other) = (events[..40].to_vec(), events[40..80].to_vec());
    let one = |events: &[String]| batch("w_1", 0, events, Layout::JsonLines, Codec::Identity);
    let mut world = World::new();
    world.flush(&[(20, one(&other))]).await;
    let early = compacted(&world, &world.manifest(None), Compression::HOT).await;
    // A twin at a lower position is seen late; the same content twice is no conflict.
    world.flush(&[(7, one(&ours)), (8, one(&ours))]).await;

    let check = |manifest: &Manifest| {
        let conflicts: Vec<_> = manifest
            .conflicts
            .iter()
            .map(|lost| (lost.seq, lost.position.offset))
            .collect();
        assert_eq!(conflicts, [(0, 20)]);
        assert_eq!(manifest.tabs[0].batches[&0].position.offset, 7);
    };
    let manifest = world.manifest(Some(early.claim));
    check(&manifest);
    assert_eq!(world.read(&manifest, "w_1", ALL).await, ours);

    let next = compacted(&world, &manifest, Compression::HOT).await;
    world.index.clear();
    let manifest = world.manifest(Some(next.claim));
    check(&manifest);
    assert_eq!(world.read(&manifest, "w_1", ALL).await, ours);
}

#[tokio::test]
async fn tabs_are_kept_apart_and_share_dictionaries() {
    let (one, two) = (recording("shop-2"), recording("spa-todomvc-1"));
    let mut world = World::new();
    let mut records = batches("w_1", &one, 50);
    records.extend(batches("w_2", &two, 50));
    records.extend(batches("w_3", &one, 60));
    fastrand::Rng::with_seed(3).shuffle(&mut records);
    world.flush_all(0, records, 7).await;
    let manifest = world.manifest(None);
    let made = compacted(&world, &manifest, Compression::HOT).await;
    let third: u64 = made
        .claim
        .frames
        .iter()
        .filter(|frame| frame.tab.as_str() == "w_3")
        .map(|frame| frame.bytes)
        .sum();
    let first: u64 = made
        .claim
        .frames
        .iter()
        .filter(|frame| frame.tab.as_str() == "w_1")
        .map(|frame| frame.bytes)
        .sum();
    assert!(
        third * 2 < first,
        "the page of tab 1 serves tab 3: {third} of {first} bytes"
    );
    for manifest in [&manifest, &world.manifest(Some(made.claim))] {
        assert_eq!(manifest.tabs.len(), 3);
        assert_eq!(world.read(manifest, "w_1", ALL).await, one);
        assert_eq!(world.read(manifest, "w_2", ALL).await, two);
        assert_eq!(world.read(manifest, "w_3", ALL).await, one);
        assert!(world.read(manifest, "w_4", ALL).await.is_empty());
    }
}

#[test]
fn nothing_stored_gives_no_manifest() {
    assert!(Manifest::of(Sources::default()).unwrap().is_none());
}

/// JSON objects with all that could mislead a scanner.
fn event() -> impl Strategy<Value = String> {
    let text = prop::string::string_regex("[ -~é中\\\\\"{}\\[\\],:]{0,40}").unwrap();
    let kind = prop::sample::select(vec![0, 2, 3, 3, 3, 3, 4, 5]);
    (kind, text, 0_i64..100_000, any::<bool>()).prop_map(|(kind, text, at, pretty)| {
        let value = serde_json::json!({
            "type": kind,
            "data": {"source": 1, "href": format!("http://x/{}", text.len() % 3), "text": text, "more": [[], {"a": "}"}]},
            "timestamp": 1_795_322_603_000 + at,
        });
        if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the records of a session are cut into ranges, the events are those that were sent.
    #[test]
    fn every_cut_gives_what_was_sent(
        events in prop::collection::vec(event(), 1..120),
        size in 1_usize..30,
        ranges in [1_usize..9, 1..9],
        frame_bytes in 200_usize..20_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for range in ranges {
                let mut world = World::in_memory();
                world.flush_all(0, batches("w_1", &events, size), range).await;
                let manifest = world.manifest(None);
                assert_eq!(world.read(&manifest, "w_1", ALL).await, events);
                let options = CompactOptions { frame_bytes, ..CompactOptions::default() };
                let made = compact(world.store.clone(), manifest, &keep(), options).await.unwrap();
                world.index.clear();
                assert_eq!(world.read(&world.manifest(Some(made.claim)), "w_1", ALL).await, events);
            }
        });
    }

    /// Twins of either content, before and after the close, at lower and higher positions: a reader sees the same with
    /// the covered frames and without them.
    #[test]
    fn a_covered_frame_is_missed_by_nobody(
        sent in prop::collection::vec((0_u32..5, 0_u8..2, any::<bool>()), 1..16),
        offsets in Just((0_u64..16).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::in_memory();
            let made = |seq: u32, content: u8| {
                let at = 1_700_000_000_000 + i64::from(seq);
                let event = format!(r#"{{"type":3,"timestamp":{at},"data":{{"source":{content}}}}}"#);
                batch("w_1", seq, &[event], Layout::JsonLines, Codec::Identity)
            };
            let (early, late): (Vec<_>, Vec<_>) = sent.iter().zip(offsets).partition(|((.., early), _)| *early);
            for ((seq, content, _), offset) in &early {
                world.flush(&[(*offset, made(*seq, *content))]).await;
            }
            if early.is_empty() {
                return;
            }
            let claim = compacted(&world, &world.manifest(None), Compression::HOT).await.claim;
            let holdings = Holdings::of(&claim);
            assert!(world.index.iter().all(|frame| holdings.covers(&frame.batch)), "what was compacted");
            for ((seq, content, _), offset) in &late {
                world.flush(&[(*offset, made(*seq, *content))]).await;
            }
            let whole = world.manifest(Some(claim.clone()));
            let events = world.read(&whole, "w_1", ALL).await;
            world.index.retain(|frame| !holdings.covers(&frame.batch));
            let less = world.manifest(Some(claim));
            assert_eq!(world.read(&less, "w_1", ALL).await, events);
            let told = |manifest: &Manifest| {
                let lost = manifest.conflicts.iter();
                let lost: BTreeSet<_> = lost.map(|lost| (lost.seq, lost.content_sha256)).collect();
                (manifest.gaps.clone(), lost, manifest.state)
            };
            assert_eq!(told(&less), told(&whole));
            assert_eq!(less.tabs[0].batches, whole.tabs[0].batches);
        });
    }

    #[test]
    fn the_splitter_agrees_with_a_parser(events in prop::collection::vec(event(), 0..40), glue in "[ \n\t]{0,70}") {
        let array = format!("{glue}[{glue}{}{glue}]{glue}", events.join(&format!("{glue},{glue}")));
        prop_assert_eq!(split(array.as_bytes(), Layout::JsonArray).collect::<Vec<_>>(), events.iter().map(String::as_bytes).collect::<Vec<_>>());
        let lines: String = events.iter().map(|event| format!("{event}{glue}\n")).collect();
        prop_assert_eq!(split(lines.as_bytes(), Layout::JsonLines).collect::<Vec<_>>(), events.iter().map(String::as_bytes).collect::<Vec<_>>());
        for event in &events {
            let head = EventHead::of(event.as_bytes()).unwrap();
            let value: serde_json::Value = serde_json::from_str(event).unwrap();
            prop_assert_eq!(Some(head.timestamp_ms), value["timestamp"].as_i64());
            if head.kind == EventKind::Meta {
                let href = head.href();
                prop_assert_eq!(href.as_deref(), value["data"]["href"].as_str());
            }
        }
    }

    #[test]
    fn garbage_is_survived(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ \n01type\x00\xff".to_vec()), 0..300)) {
        for layout in [Layout::JsonArray, Layout::JsonLines] {
            for text in split(&bytes, layout) {
                let _ = EventHead::of(text);
            }
        }
        let _ = EventHead::of(&bytes);
    }
}
