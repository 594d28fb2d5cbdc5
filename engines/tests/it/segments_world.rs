//! What the segment tests share: recordings cut into batches as a recorder sends them, and a lane that flushes them.

use std::io::Read;
use std::sync::Arc;

use futures::TryStreamExt;
use hindsight_engines::rrweb::{EventHead, EventKind};
use hindsight_engines::segments::format::{Digest, LogRange};
use hindsight_engines::segments::{
    FlushBuilder, FlushFrame, FlushObject, LocalSegments, Manifest, ObjectSegments, SegmentPath,
    SegmentStore, Sources, Window, flush_frames, put_flush, read_events,
};
use hindsight_schemas::ids::{LogId, Offset, Partition, Position, SessionId, Tab, Topic};
use hindsight_schemas::record::{Codec, KeyKind, Layout, RecordingBatch};

pub(crate) const LIMIT: usize = 64 << 20;

pub(crate) fn session() -> SessionId {
    SessionId::from_parts(1_795_322_603_000, [7; 10])
}

pub(crate) fn at(offset: Offset) -> Position {
    Position {
        log_id: LogId(uuid::Uuid::from_u128(17)),
        partition: partition(),
        offset,
    }
}

pub(crate) fn partition() -> Partition {
    Partition {
        topic: Topic::Recordings,
        partition: 2,
    }
}

/// The events of a recording in `tests/fixtures`.
pub(crate) fn recording(name: &str) -> Vec<String> {
    let path = format!("{}/tests/fixtures/{name}.jsonl.zst", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    zstd::Decoder::new(file)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A batch as the edge stamps it.
pub(crate) fn batch(tab: &str, seq: u32, events: &[String], layout: Layout, codec: Codec) -> RecordingBatch {
    let plain = match layout {
        Layout::JsonArray => format!("[{}]", events.join(" ,\n")),
        Layout::JsonLines => events.iter().map(|event| format!("{event}\r\n")).collect(),
    };
    let body = match codec {
        Codec::Identity => plain.clone().into_bytes(),
        Codec::Zstd => zstd::encode_all(plain.as_bytes(), 1).unwrap(),
        Codec::Gzip => {
            let mut packed = Vec::new();
            flate2::read::GzEncoder::new(plain.as_bytes(), flate2::Compression::fast())
                .read_to_end(&mut packed)
                .unwrap();
            packed
        }
    };
    let text: String = events.iter().map(|event| format!("{event}\n")).collect();
    let heads = events.iter().filter_map(|event| EventHead::of(event.as_bytes()));
    let times: Vec<i64> = heads.clone().map(|head| head.timestamp_ms).collect();
    RecordingBatch {
        project: "shop".parse().unwrap(),
        session_id: session(),
        tab: tab.parse().unwrap(),
        seq,
        received_at_us: 1_795_322_700_000_000 + i64::from(seq),
        sent_at_ms: Some(1_795_322_700_000),
        clock_offset_ms: None,
        first_at_ms: times.iter().copied().min().unwrap_or_default(),
        last_at_ms: times.iter().copied().max().unwrap_or_default(),
        events: i64::try_from(events.len()).unwrap(),
        raw_bytes: i64::try_from(plain.len()).unwrap(),
        keyframe: heads.into_iter().any(|head| head.kind == EventKind::FullSnapshot),
        ended: false,
        is_final: false,
        layout,
        codec,
        body,
        content_sha256: Digest::of(text.as_bytes()).0.to_vec(),
        canonical: b"{}".to_vec(),
        key_id: "key".into(),
        key_kind: KeyKind::Browser,
        level: "L4".into(),
        retention_class: "standard".into(),
        expires_at_s: 1_800_000_000,
        rules_version: 1,
        source: "web".into(),
        device: "d-1".into(),
        client_ip: "203.0.113.9".into(),
        user_agent: "Mozilla/5.0".into(),
        country: "CN".into(),
        encryption_key_id: String::new(),
        encryption_suite: String::new(),
    }
}

/// Cuts a recording into batches of so many events, in all layouts and codecs by turns.
pub(crate) fn batches(tab: &str, events: &[String], size: usize) -> Vec<RecordingBatch> {
    let forms = [
        (Layout::JsonArray, Codec::Gzip),
        (Layout::JsonLines, Codec::Zstd),
        (Layout::JsonArray, Codec::Identity),
    ];
    (0..)
        .zip(events.chunks(size))
        .zip(forms.iter().cycle())
        .map(|((seq, events), (layout, codec))| batch(tab, seq, events, *layout, *codec))
        .collect()
}

/// A lane over one store.
pub(crate) struct World {
    pub(crate) store: Arc<dyn SegmentStore>,
    pub(crate) index: Vec<FlushFrame>,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(LocalSegments::open(folder.path()).unwrap());
        Self {
            store,
            index: Vec::new(),
            _folder: Some(folder),
        }
    }

    /// Without a disk, for many cases.
    pub(crate) fn in_memory() -> Self {
        let store = Arc::new(ObjectSegments::new(Arc::new(
            object_store::memory::InMemory::new(),
        )));
        Self {
            store,
            index: Vec::new(),
            _folder: None,
        }
    }

    /// Flushes one range of records.
    pub(crate) async fn flush(&mut self, records: &[(Offset, RecordingBatch)]) {
        let (path, object) = flush_object(records);
        let (_, footer) = put_flush(&*self.store, &path, &object, &|_, _| false)
            .await
            .unwrap();
        self.index.extend(flush_frames(&path, &footer));
    }

    /// Flushes batches in ranges of `range` records from offset `first` on.
    pub(crate) async fn flush_all(&mut self, first: Offset, batches: Vec<RecordingBatch>, range: usize) {
        let records: Vec<_> = (first..).zip(batches).collect();
        for records in records.chunks(range) {
            self.flush(records).await;
        }
    }

    pub(crate) fn manifest(
        &self,
        generation: Option<hindsight_engines::segments::format::Footer>,
    ) -> Arc<Manifest> {
        let generation = generation.map(Arc::new);
        let sources = Sources {
            generation,
            flush: &self.index,
            closed: true,
            ..Sources::default()
        };
        Arc::new(Manifest::of(sources).unwrap().expect("something is stored"))
    }

    /// What `/events` gives of a tab.
    pub(crate) async fn read(&self, manifest: &Arc<Manifest>, tab: &str, window: Window) -> Vec<String> {
        let tab: Tab = tab.parse().unwrap();
        read_events(self.store.clone(), manifest.clone(), &tab, window)
            .map_ok(|event| String::from_utf8(event.text.to_vec()).unwrap())
            .try_collect()
            .await
            .unwrap()
    }
}

pub(crate) fn flush_object(records: &[(Offset, RecordingBatch)]) -> (SegmentPath, FlushObject) {
    let (first, last) = (records[0].0, records[records.len() - 1].0);
    let range = LogRange {
        log_id: at(0).log_id,
        topic: partition().topic,
        partition: partition().partition,
        first,
        last,
    };
    let mut builder = FlushBuilder::new(range);
    for (offset, batch) in records {
        builder.push(batch, at(*offset), LIMIT).unwrap();
    }
    let path = SegmentPath::Flush {
        view: 1,
        partition: partition().partition,
        first,
        last,
    };
    (path, builder.finish().unwrap())
}
