//! Damaged segments: what can't be read is told as a gap everywhere, the rest plays as it was sent, and an object that
//! is restored is whole again at once.

use std::path::{Path, PathBuf};

use hindsight_chaos::load::Writer;
use serde_json::{Value, json};

use crate::server::{self, Server, until};

const SEED: u64 = 0xda;
const BATCHES: usize = 3;

/// A frame of the session, as SQL tells it.
pub(crate) struct Stored {
    name: String,
    pub(crate) object: PathBuf,
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

/// A server with one session of three batches, closed after so many seconds of silence.
async fn one_session(data: &Path, close_after_s: u32) -> (Server, Writer) {
    let running = server::start(server::closing_after(close_after_s, data), data).await;
    let mut writer = Writer::new(0, SEED);
    for _ in 0..BATCHES {
        assert!(writer.send_batch(&running.url, &running.write_key).await);
    }
    (running, writer)
}

/// Where the frame lies that holds the batch.
pub(crate) async fn stored(running: &Server, data: &Path, writer: &Writer, seq: usize) -> Stored {
    let statement = format!(
        "SELECT object, `offset`, bytes FROM segments WHERE session_id = '{}' AND seq_from <= {seq} AND seq_to >= {seq}",
        writer.session
    );
    let row = running.sql(&statement).await.unwrap();
    let words: Vec<&str> = row.trim().split('\t').collect();
    Stored {
        name: words[0].to_string(),
        object: data.join("segments").join(words[0]),
        offset: words[1].parse().unwrap(),
        bytes: words[2].parse().unwrap(),
    }
}

/// Turns one bit; twice, and it is as it was.
pub(crate) fn flip(object: &Path, at: usize) {
    let mut bytes = std::fs::read(object).unwrap();
    bytes[at] ^= 1;
    std::fs::write(object, bytes).unwrap();
}

async fn manifest(running: &Server, writer: &Writer) -> Value {
    let text = running
        .get(&format!("/v1/replays/{}", writer.session))
        .await
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The gaps of the manifest as (seq_from, seq_to, reason).
fn gaps(manifest: &Value) -> Vec<Value> {
    let gaps = manifest["gaps"].as_array().unwrap();
    gaps.iter()
        .map(|gap| json!([gap["seq_from"], gap["seq_to"], gap["reason"]]))
        .collect()
}

/// `/events` gives these batches as they were sent, its header and the markers tell the others.
async fn plays(running: &Server, writer: &Writer, seqs: &[usize], missing: Option<&str>) {
    let url = format!("{}/v1/replays/{}/events", running.url, writer.session);
    let request = reqwest::Client::new().get(url).bearer_auth(&running.admin_token);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let told = answer.headers().get("hindsight-gaps").cloned();
    let told = told.as_ref().map(|words| words.to_str().unwrap());
    let expected = missing.map(|words| format!("{}/{words}", writer.tab));
    assert_eq!(told, expected.as_deref());
    let text = answer.text().await.unwrap();
    let sent: Vec<&String> = seqs.iter().flat_map(|seq| &writer.batches[*seq]).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), sent);

    let markers = running
        .get(&format!("/v1/replays/{}/markers", writer.session))
        .await
        .unwrap();
    let markers: Value = serde_json::from_str(&markers).unwrap();
    let marked = markers["items"].as_array().unwrap().iter();
    let marked = marked.filter(|marker| marker["kind"] == "gap").count();
    assert_eq!(marked, usize::from(missing.is_some()), "{markers}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_an_open_session_only_what_is_damaged_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (running, writer) = one_session(&data, 3600).await;
    until(&running, "SELECT count() FROM segments", "3").await;
    let all: Vec<usize> = (0..BATCHES).collect();

    // A bit of a frame; nobody has looked at it yet.
    let frame = stored(&running, &data, &writer, 1).await;
    flip(&frame.object, frame.offset + frame.bytes / 2);
    let told = manifest(&running, &writer).await;
    assert_eq!(
        (&told["state"], gaps(&told)),
        (&json!("damaged"), vec![json!([1, 1, "unreadable_frames"])])
    );
    plays(&running, &writer, &[0, 2], Some("1-1 unreadable_frames")).await;
    flip(&frame.object, frame.offset + frame.bytes / 2);
    let told = manifest(&running, &writer).await;
    assert_eq!((&told["state"], gaps(&told)), (&json!("receiving"), vec![]));
    plays(&running, &writer, &all, None).await;

    // A frame that breaks after it was looked at ends the body early, and the next answer goes around it.
    flip(&frame.object, frame.offset + frame.bytes / 2);
    is_cut_short(&running, &writer).await;
    plays(&running, &writer, &[0, 2], Some("1-1 unreadable_frames")).await;
    flip(&frame.object, frame.offset + frame.bytes / 2);
    plays(&running, &writer, &all, None).await;

    // So does an object that somebody took away; with it go the others that it held.
    let away = frame.object.with_extension("away");
    std::fs::rename(&frame.object, &away).unwrap();
    is_cut_short(&running, &writer).await;
    let told = manifest(&running, &writer).await;
    let missing = gaps(&told);
    assert_eq!((&told["state"], missing.len()), (&json!("damaged"), 1), "{told}");
    let bound = |at: usize| missing[0][at].as_u64().unwrap() as usize;
    let is_lost = |seq: &usize| (bound(0)..=bound(1)).contains(seq);
    let (lost, rest): (Vec<usize>, Vec<usize>) = all.iter().copied().partition(is_lost);
    assert!(lost.contains(&1));
    let words = format!("{}-{} unreadable_frames", bound(0), bound(1));
    plays(&running, &writer, &rest, Some(&words)).await;
    std::fs::rename(&away, &frame.object).unwrap();
    plays(&running, &writer, &all, None).await;
}

/// A body that was broken off must not look whole.
async fn is_cut_short(running: &Server, writer: &Writer) {
    let path = format!("/v1/replays/{}/events", writer.session);
    let answer = running.get(&path).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_closed_session_other_copies_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (running, writer) = one_session(&data, 1).await;
    until(&running, "SELECT state FROM sessions", "complete").await;
    let all: Vec<usize> = (0..BATCHES).collect();
    plays(&running, &writer, &all, None).await;
    let frame = stored(&running, &data, &writer, 1).await;
    assert!(
        frame.object.starts_with(data.join("segments/data")),
        "{}",
        frame.object.display()
    );

    // The claim's footer: the data object says the same.
    let claim = find_claim(&data);
    flip(&claim, std::fs::metadata(&claim).unwrap().len() as usize / 2);
    plays(&running, &writer, &all, None).await;

    // And all of the data object: the flush objects are still there.
    let mut other = frame.object.clone();
    other.set_extension("away");
    std::fs::rename(&frame.object, &other).unwrap();
    plays(&running, &writer, &all, None).await;
    assert_eq!(gaps(&manifest(&running, &writer).await), Vec::<Value>::new());
}

fn find_claim(data: &Path) -> PathBuf {
    let mut folders = vec![data.join("segments/sessions")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                return path;
            }
            folders.push(path);
        }
    }
    panic!("there is no claim")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_session_is_closed_as_that_and_not_packed_anew() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (mut running, mut writer) = one_session(&data, 3600).await;
    until(&running, "SELECT count() FROM segments", "3").await;
    let frame = stored(&running, &data, &writer, 2).await;
    let in_object = format!(
        "SELECT min(seq_from) FROM segments WHERE object = '{}'",
        frame.name
    );
    let first: usize = running.sql(&in_object).await.unwrap().trim().parse().unwrap();
    assert_eq!(running.stop(), Some(0));
    let footer = std::fs::metadata(&frame.object).unwrap().len() as usize - 80;
    flip(&frame.object, footer);

    let mut command = server::command(&[], &data);
    command.env("HINDSIGHT_REPLAY__CLOSE_AFTER_SECONDS", "1");
    let running = server::start(command, &data).await;
    until(&running, "SELECT state, batches FROM sessions", "damaged\t3").await;
    assert!(
        !data.join("segments/sessions/demo").exists(),
        "no generation hides it"
    );
    let words = format!("{first}-2 unreadable_frames");
    let mut rest: Vec<usize> = (0..first).collect();
    plays(&running, &writer, &rest, Some(&words)).await;
    let told = manifest(&running, &writer).await;
    assert!(
        told["duration_ms"].as_i64().unwrap() < 60_000,
        "the lost batches' times count, not none: {told}"
    );

    // What comes late is kept and counted.
    assert!(writer.send_batch(&running.url, &running.write_key).await);
    until(&running, "SELECT state, batches FROM sessions", "damaged\t4").await;
    rest.push(3);
    plays(&running, &writer, &rest, Some(&words)).await;
    flip(&frame.object, footer);
    plays(&running, &writer, &[0, 1, 2, 3], None).await;
}
