//! Batches as the edge accepted them, made again of a session's frames.
//!
//! **Invariant:** each event's text is the one that was sent, and the rest is what the edge had stamped. What is not kept
//! is how a batch was packed, and when the log took it: `received_at` stands for that. **Bound:** one batch, and what
//! reading frames holds.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use hindsight_engines::segments::format::Batch;
use hindsight_engines::segments::{Manifest, ReadError, SegmentStore, TabManifest, Window, read_events};
use hindsight_schemas::record::{Codec, Layout, RecordingBatch};

use super::RebuildError;

/// Hands over each batch of a session that can be read, by tab and number, with its place in the log.
pub(super) async fn each_batch(
    store: &Arc<dyn SegmentStore>,
    manifest: &Arc<Manifest>,
    mut take: impl AsyncFnMut(&Batch, RecordingBatch) -> Result<(), RebuildError>,
) -> Result<(), RebuildError> {
    for tab in &manifest.tabs {
        let events = read_events(store.clone(), manifest.clone(), &tab.tab, Window::default());
        let mut events = std::pin::pin!(events);
        let mut open: Option<(&Batch, Vec<Bytes>)> = None;
        while let Some(event) = events.try_next().await? {
            match &mut open {
                Some((batch, texts)) if batch.seq == event.seq => texts.push(event.text),
                _ => {
                    let next = stamp(tab, event.seq)?;
                    if let Some((batch, texts)) = open.replace((next, vec![event.text])) {
                        take(batch, recording(batch, &texts)).await?;
                    }
                }
            }
        }
        if let Some((batch, texts)) = open {
            take(batch, recording(batch, &texts)).await?;
        }
    }
    Ok(())
}

fn stamp(tab: &TabManifest, seq: u32) -> Result<&Batch, ReadError> {
    let found = tab.batches.get(&seq);
    let words = || format!("batch {seq} of tab {}", tab.tab);
    found.ok_or_else(|| hindsight_engines::segments::StoreError::NotFound(words()).into())
}

/// The texts stand apart as in an array, which no text can break.
fn recording(batch: &Batch, texts: &[Bytes]) -> RecordingBatch {
    let mut body = vec![b'['];
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        body.extend_from_slice(text);
    }
    body.push(b']');
    // What was sent as lines is shorter by two bytes.
    let raw_bytes = batch.raw_bytes.max(i64::try_from(body.len()).unwrap_or(i64::MAX));
    RecordingBatch {
        project: batch.project.clone(),
        session_id: batch.session_id,
        tab: batch.tab.clone(),
        seq: batch.seq,
        received_at_us: batch.received_at_us,
        sent_at_ms: batch.sent_at_ms,
        clock_offset_ms: batch.clock_offset_ms,
        first_at_ms: batch.first_at_ms,
        last_at_ms: batch.last_at_ms,
        events: batch.events,
        raw_bytes,
        keyframe: batch.keyframe,
        ended: batch.ended,
        is_final: batch.is_final,
        layout: Layout::JsonArray,
        codec: Codec::Identity,
        body,
        content_sha256: batch.content_sha256.0.to_vec(),
        canonical: Vec::new(),
        key_id: batch.key_id.clone(),
        key_kind: batch.key_kind,
        level: batch.level.clone(),
        retention_class: batch.retention_class.clone(),
        expires_at_s: batch.expires_at_s,
        rules_version: batch.rules_version,
        source: batch.source.clone(),
        device: batch.device.clone(),
        client_ip: batch.client_ip.clone(),
        user_agent: batch.user_agent.clone(),
        country: batch.country.clone(),
        encryption_key_id: String::new(),
        encryption_suite: String::new(),
    }
}
