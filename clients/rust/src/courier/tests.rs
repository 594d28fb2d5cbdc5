//! The courier turn by turn, with a clock and an edge of the test.

use super::*;
use crate::answer::Response;
use crate::backoff::{FIRST, HOLD, MOST};
use crate::transport::Sending;

/// Keeps what is sent, and answers nothing: tests tell the courier the answers.
struct SilentEdge(Arc<Mutex<Vec<String>>>);

impl Transport for SilentEdge {
    fn send(&self, lines: Vec<u8>) -> Sending {
        let text = String::from_utf8(lines).unwrap();
        self.0.lock().unwrap().push(text.trim().replace('\n', " "));
        Box::pin(std::future::pending())
    }
}

struct Bench {
    courier: Courier,
    shared: Arc<Shared>,
    sent: Arc<Mutex<Vec<String>>>,
    now: Instant,
    folder: Option<std::path::PathBuf>,
}

impl Bench {
    fn new(
        folder: Option<&std::path::Path>,
        spill_bytes: u64,
        memory_bytes: usize,
        in_flight: usize,
    ) -> Self {
        let rule = BatchRule {
            events: 2,
            bytes: 1_000,
            wait: Duration::from_secs(5),
        };
        let (shared, sent, now) = (Shared::new(rule, memory_bytes), Arc::default(), Instant::now());
        let parts = Parts {
            rule,
            memory_bytes,
            in_flight,
            transport: Box::new(SilentEdge(Arc::clone(&sent))),
            spill: folder.map(|folder| SpillStore::open(folder, spill_bytes).unwrap()),
            random: fastrand::Rng::with_seed(1),
            messages: mpsc::unbounded_channel().0,
        };
        Self {
            courier: Courier::new(parts, shared.clone(), now),
            shared,
            sent,
            now,
            folder: folder.map(Into::into),
        }
    }

    fn give(&mut self, events: &[&str]) {
        for event in events {
            let line = event.as_bytes().to_vec();
            self.shared.offer(Item {
                line,
                at: self.now,
                entry: None,
            });
        }
        self.turn();
    }

    fn turn(&mut self) {
        self.courier.turn(self.now);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.turn();
    }

    fn answer(&mut self, number: u64, status: u16, body: &str) {
        let events = self.courier.on_their_way[&number].items.len();
        let response = Response {
            status,
            body: body.as_bytes().to_vec(),
            ..Response::default()
        };
        self.courier
            .answered(number, Answer::of(response, events), self.now);
        self.turn();
    }

    fn kept(&mut self, number: u64, events: usize) {
        self.answer(number, 202, &format!("{{\"accepted\":{events}}}"));
    }

    fn check_sent(&self, expected: &[&str]) {
        assert_eq!(*self.sent.lock().unwrap(), expected);
    }

    fn counted(&self) -> [u64; 4] {
        let shared = &self.shared;
        [&shared.recorded, &shared.kept, &shared.refused, &shared.lost]
            .map(|counter| counter.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn away_everything_goes_to_disk_and_comes_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(Some(folder.path()), 10_000, 10_000, 2);
    bench.give(&["1", "2"]);
    bench.answer(0, 503, "");
    bench.give(&["3", "4", "5", "6"]);
    bench.check_sent(&["1 2"]);
    assert_eq!(bench.shared.queue().len(), 0);
    bench.wait(FIRST);
    bench.check_sent(&["1 2", "1 2"]);
    bench.answer(1, 0, "");
    bench.wait(MOST);
    bench.kept(2, 2);
    bench.check_sent(&["1 2", "1 2", "1 2", "3 4 5 6"]);
    bench.kept(3, 4);
    assert!(bench.courier.disk_is_empty());
    assert_eq!(bench.counted(), [6, 6, 0, 0]);
}

#[tokio::test]
async fn what_was_on_its_way_and_what_waited_is_sent_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(Some(folder.path()), 10_000, 10_000, 1);
    bench.give(&["1", "2", "3"]);
    assert!(bench.courier.keep_the_rest());
    drop(bench);
    let mut next = Bench::new(Some(folder.path()), 10_000, 10_000, 2);
    next.turn();
    next.check_sent(&["1 2", "3"]);
}

#[tokio::test]
async fn a_slow_edge_fills_memory_to_the_half_then_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(Some(folder.path()), 10_000, 8, 1);
    bench.give(&["1", "2", "3", "4"]);
    assert_eq!(bench.shared.queue().len(), 2);
    bench.give(&["5", "6"]);
    assert_eq!(bench.shared.queue().len(), 0);
    bench.kept(0, 2);
    bench.check_sent(&["1 2", "3 4 5 6"]);
}

#[tokio::test]
async fn without_disk_the_newest_is_lost_and_counted() {
    let mut bench = Bench::new(None, 0, 4, 1);
    bench.give(&["1", "2"]);
    bench.answer(0, 503, "");
    bench.give(&["3", "4", "5", "6"]);
    bench.wait(FIRST);
    bench.kept(1, 2);
    bench.kept(2, 2);
    bench.check_sent(&["1 2", "1 2", "3 4"]);
    assert_eq!(bench.counted(), [6, 4, 0, 2]);
}

#[tokio::test]
async fn a_full_disk_leaves_events_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(Some(folder.path()), 5, 100, 1);
    bench.give(&["1", "2"]);
    bench.answer(0, 503, "");
    bench.give(&["3", "4"]);
    assert_eq!(bench.shared.queue().len(), 2);
    bench.wait(FIRST);
    bench.kept(1, 2);
    bench.kept(2, 2);
    bench.check_sent(&["1 2", "1 2", "3 4"]);
}

#[tokio::test]
async fn what_the_edge_refuses_is_set_aside_and_the_rest_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(Some(folder.path()), 1_000, 100, 2);
    bench.give(&["1", "{}"]);
    bench.answer(0, 400, "{\"reason\":\"not_json\"}");
    bench.check_sent(&["1 {}", "1", "{}"]);
    bench.kept(1, 1);
    bench.answer(2, 422, "{\"reason\":\"invalid_audit\",\"detail\":\"no action\"}");
    assert_eq!(bench.counted(), [2, 1, 1, 0]);
    assert!(!bench.courier.is_away);
    let refused = bench.folder.as_ref().unwrap().join("rust-0/refused.jsonl");
    assert_eq!(
        std::fs::read_to_string(refused).unwrap(),
        "{\"refused\":\"status 422 invalid_audit no action\",\"event\":{}}\n"
    );
}

#[tokio::test]
async fn a_wrong_key_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(Some(folder.path()), 1_000, 100, 2);
    bench.give(&["1", "2"]);
    bench.answer(0, 401, "{\"reason\":\"unknown_key\"}");
    bench.wait(MOST - Duration::from_millis(1));
    bench.check_sent(&["1 2"]);
    bench.wait(HOLD);
    bench.kept(1, 2);
    assert_eq!(bench.counted(), [2, 2, 0, 0]);
}
