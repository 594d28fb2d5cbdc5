//! Load with a memory: writers that send batches and audit events, try each until it was answered 202, and know
//! what they were promised.
//!
//! **Invariant:** what has one identity always has the same bytes, so that a send that nobody answered can be repeated.
//! **Bound:** a send is tried [`RETRIES`] times, and each answer waited for [`ANSWER_WITHIN`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hindsight_schemas::ids::SessionId;
use serde_json::json;
use tokio::sync::watch;

/// Longest wait for an answer: a killed server's connections end at once, a drained one's soon.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Longest wait for a share of the load.
const KEPT_WITHIN: Duration = Duration::from_secs(60);
/// How often a send is tried, as a client would.
const RETRIES: usize = 600;
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Events of a batch.
const EVENTS: u64 = 12;

/// One recorder with one session, and a service that writes audit events beside it.
pub struct Writer {
    number: u64,
    /// The session.
    pub session: SessionId,
    /// The tab.
    pub tab: String,
    started_ms: u64,
    client: reqwest::Client,
    random: fastrand::Rng,
    /// Every batch that was answered 202, in order of seq: its events' texts.
    pub batches: Vec<Vec<String>>,
    /// Every audit event that was answered 202: its source id.
    pub audit: Vec<String>,
    /// What became of its sends.
    pub sends: Sends,
    /// Its session was erased after its last send: its batches are to be found nowhere, its audit events stay.
    pub erased: bool,
    kept: Kept,
}

/// What became of sends, each try counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sends {
    /// Answered 202.
    pub accepted: u64,
    /// Answered 429 or 503: told to come again.
    pub refused: u64,
    /// Not answered.
    pub unanswered: u64,
}

impl Sends {
    /// All tries.
    pub fn tried(&self) -> u64 {
        self.accepted + self.refused + self.unanswered
    }
}

impl std::ops::AddAssign for Sends {
    fn add_assign(&mut self, more: Self) {
        self.accepted += more.accepted;
        self.refused += more.refused;
        self.unanswered += more.unanswered;
    }
}

/// How many answers of 202 some writers had together: a crash is due by load, however slow the machine is.
#[derive(Clone)]
pub struct Kept(watch::Sender<u64>);

impl Default for Kept {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Kept {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for so many more.
    pub async fn more(&self, answers: u64) {
        let mut kept = self.0.subscribe();
        let until = *kept.borrow() + answers;
        let reached = tokio::time::timeout(KEPT_WITHIN, kept.wait_for(|kept| *kept >= until)).await;
        let reached =
            reached.unwrap_or_else(|_| panic!("not {answers} answers of 202 within {KEPT_WITHIN:?}"));
        reached.expect("its sender is ours");
    }

    fn count(&self) {
        self.0.send_modify(|kept| *kept += 1);
    }
}

impl Writer {
    /// A writer; the seed decides sizes and encodings.
    pub fn new(number: u64, seed: u64) -> Self {
        Self::counted(number, seed, Kept::new())
    }

    /// One whose answers count among others'.
    pub fn counted(number: u64, seed: u64, kept: Kept) -> Self {
        let started_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let mut random = fastrand::Rng::with_seed(seed ^ number);
        let mut bits = [0; 10];
        random.fill(&mut bits);
        let session = SessionId::from_parts(started_ms, bits);
        let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().unwrap();
        Self {
            number,
            session,
            tab: format!("w{number}_t"),
            started_ms,
            client,
            random,
            batches: vec![],
            audit: vec![],
            sends: Sends::default(),
            erased: false,
            kept,
        }
    }

    /// Sends until nobody answers; what was not kept is sent again, unchanged.
    pub async fn run(&mut self, url: &str, key: &str) {
        while self.send_both(url, key).await || self.is_answered(url).await {}
    }

    async fn is_answered(&self, url: &str) -> bool {
        self.client.get(format!("{url}/health/live")).send().await.is_ok()
    }

    /// Sends the next batch and the next audit event; says whether both were answered 202.
    pub async fn send_both(&mut self, url: &str, key: &str) -> bool {
        self.send_batch(url, key).await && self.send_audit(url, key).await
    }

    /// Sends the next batch; says whether it was answered 202.
    pub async fn send_batch(&mut self, url: &str, key: &str) -> bool {
        let seq = self.batches.len();
        let kept = self.post_batch(seq, url, key).await;
        if kept {
            self.batches.push(self.events_of(seq as u64));
            self.kept.count();
        }
        kept
    }

    /// Sends one of its batches once more, as a recorder may that missed the answer.
    pub async fn send_twin(&mut self, url: &str, key: &str) {
        if !self.batches.is_empty() {
            let seq = self.random.usize(..self.batches.len());
            self.post_batch(seq, url, key).await;
        }
    }

    async fn post_batch(&mut self, seq: usize, url: &str, key: &str) -> bool {
        let events = self.events_of(seq as u64);
        let (encoding, body) = self.encode(&events);
        let url = format!(
            "{url}/v1/recordings/{}/{}/{seq}?encoding={encoding}",
            self.session, self.tab
        );
        let request = self.client.post(url).bearer_auth(key).body(body);
        self.sent(request).await
    }

    async fn send_audit(&mut self, url: &str, key: &str) -> bool {
        let id = format!("crash-{}-{}", self.number, self.audit.len());
        let event = json!({
            "id": id, "occurred_at": "2026-11-22T12:30:00.123+08:00", "action": "policy.update",
            "operation": "update", "actor": {"id": format!("u-{}", self.number)}, "outcome": "success",
            "session_id": self.session.to_string(), "before": {"n": 1}, "after": {"n": 2}});
        let request = self.client.post(format!("{url}/v1/audit"));
        let kept = self.sent(request.bearer_auth(key).json(&event)).await;
        if kept {
            self.audit.push(id);
            self.kept.count();
        }
        kept
    }

    /// Whether it was answered 202. Only a missing answer and 'later' may happen besides.
    async fn sent(&mut self, request: reqwest::RequestBuilder) -> bool {
        let Ok(answer) = request.send().await else {
            self.sends.unanswered += 1;
            return false;
        };
        match answer.status().as_u16() {
            202 => self.sends.accepted += 1,
            429 | 503 => self.sends.refused += 1,
            other => panic!("{other}: {}", answer.text().await.unwrap_or_default()),
        }
        answer.status().as_u16() == 202
    }

    /// The batch with this seq: always the same, so that a retry carries the same bytes.
    fn events_of(&self, seq: u64) -> Vec<String> {
        let at = self.started_ms + seq * 100;
        let mut events = Vec::new();
        if seq.is_multiple_of(50) {
            events.push(format!(r#"{{"type":4,"data":{{"href":"http://shop/ü?{seq}","width":800,"height":600}},"timestamp":{at}}}"#));
            events.push(format!(r#"{{ "type" : 2, "data":{{"node":{{"type":0,"childNodes":[],"id":1}},"initialOffset":{{"left":0,"top":0}}}},"timestamp":{at} }}"#));
        }
        events.push(format!(
            r#"{{"type":5,"timestamp":{at},"data":{{"tag":"hindsight.track","payload":{{"name":"crash-{}-{seq}","properties":{{}}}}}}}}"#,
            self.number
        ));
        for index in 0..EVENTS {
            let at = at + index;
            events.push(format!(
                r#"{{"type":3,"data":{{"source":1,"positions":[{{"x":{index}.50,"y":1e1,"id":1,"timeOffset":0}}],"note":"第二 \"{seq}\""}},"timestamp":{at}}}"#
            ));
        }
        events
    }

    fn encode(&mut self, events: &[String]) -> (&'static str, Vec<u8>) {
        let lines = events.join("\n");
        match self.random.u8(..3) {
            0 => ("identity", format!("[{}]", events.join(",")).into_bytes()),
            1 => ("zstd", zstd::encode_all(lines.as_bytes(), 1).unwrap()),
            _ => {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                std::io::Write::write_all(&mut gzip, lines.as_bytes()).unwrap();
                ("gzip", gzip.finish().unwrap())
            }
        }
    }

    /// The names by which events tell their writer.
    pub(crate) fn event_name(&self, seq: usize) -> String {
        format!("crash-{}-{seq}", self.number)
    }
}

/// Sends on and on, each until it was answered 202, to the one edge or the other; sometimes a batch twice.
pub async fn write_until(
    writer: &mut Writer,
    urls: &[String; 2],
    key: &str,
    pause: Duration,
    done: watch::Receiver<bool>,
) {
    while !*done.borrow() {
        write_one(writer, urls, key).await;
        if writer.random.u8(..16) == 0 {
            writer.send_twin(&urls[1], key).await;
        }
        tokio::time::sleep(pause).await;
    }
}

/// Sends the next batch and audit event until both were answered 202.
pub async fn write_one(writer: &mut Writer, urls: &[String; 2], key: &str) {
    let mut tried = 0;
    while !writer.send_both(&urls[tried % 2], key).await {
        tried += 1;
        assert!(tried < RETRIES, "no 202 within {RETRIES} tries");
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}
