//! Watches batches on their way: from the 202 to the row that a statement finds, and to the frame that plays.
//!
//! Two threads, one a view, ask as an analyst and a player would, through the public doors, for all batches that are on
//! their way: the table in turns of [`Table::TURN`] by one statement, the player in turns of [`Player::TURN`] for each
//! batch by itself, which costs the server as much as so many viewers. A figure is at most one turn too long, and each
//! watched batch counts, also those still on their way when the load ends. **Bound:** a batch that isn't there after
//! [`GIVE_UP`] ends the run as a failure.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::client::Client;
use crate::load::Watched;

const GIVE_UP: Duration = Duration::from_secs(120);

/// Tells which batches have arrived.
trait View {
    /// The pause between two questions.
    const TURN: Duration;

    /// For each of the batches whether it is there.
    fn have(&mut self, batches: &[Watched]) -> anyhow::Result<Vec<Option<Instant>>>;
}

/// How long each batch took until a statement to `/v1/sql` found it.
pub fn queryable(
    address: SocketAddr,
    token: &str,
    told: &Receiver<Watched>,
) -> anyhow::Result<Vec<Duration>> {
    follow(Table(Client::new(address, token)), told)
}

/// How long each batch took until its frame was in the manifest and came back whole.
pub fn playable(address: SocketAddr, token: &str, told: &Receiver<Watched>) -> anyhow::Result<Vec<Duration>> {
    follow(Player(Client::new(address, token)), told)
}

/// Follows all batches until the generator has gone and the last has arrived.
fn follow<V: View>(mut view: V, told: &Receiver<Watched>) -> anyhow::Result<Vec<Duration>> {
    let (mut times, mut waiting, mut more) = (Vec::new(), Vec::new(), true);
    while more || !waiting.is_empty() {
        let turn_ends = Instant::now() + V::TURN;
        let there = view.have(&waiting)?;
        let mut there = there.into_iter();
        waiting.retain(|batch: &Watched| match there.next().flatten() {
            Some(seen) => {
                times.push(seen - batch.answered);
                false
            }
            None => true,
        });
        for batch in &waiting {
            anyhow::ensure!(batch.answered.elapsed() < GIVE_UP, "{batch:?} did not arrive");
        }
        more = take_until(turn_ends, told, &mut waiting);
    }
    Ok(times)
}

/// Takes what is told until the turn ends; whether there may be more.
fn take_until(turn_ends: Instant, told: &Receiver<Watched>, waiting: &mut Vec<Watched>) -> bool {
    loop {
        let left = turn_ends.saturating_duration_since(Instant::now());
        match told.recv_timeout(left) {
            Ok(batch) => waiting.push(batch),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(left);
                return false;
            }
        }
    }
}

struct Table(Client);

impl View for Table {
    const TURN: Duration = Duration::from_millis(100);

    fn have(&mut self, batches: &[Watched]) -> anyhow::Result<Vec<Option<Instant>>> {
        if batches.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<String> = batches
            .iter()
            .map(|batch| format!("('{}', '{}', {})", batch.session_id, batch.tab, batch.seq))
            .collect();
        let statement = format!(
            "SELECT session_id, tab, seq FROM batches WHERE (session_id, tab, seq) IN ({}) FORMAT TSV",
            wanted.join(", ")
        );
        let answer = self.0.post("/v1/sql", statement.as_bytes())?;
        let text = String::from_utf8_lossy(&answer.body);
        anyhow::ensure!(answer.status == 200, "/v1/sql: {} {text}", answer.status);
        let seen = Instant::now();
        let row = |batch: &Watched| format!("{}\t{}\t{}", batch.session_id, batch.tab, batch.seq);
        let there = |batch: &Watched| text.lines().any(|line| line == row(batch)).then_some(seen);
        Ok(batches.iter().map(there).collect())
    }
}

struct Player(Client);

#[derive(Deserialize)]
struct Manifest {
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    frame: String,
    tab: String,
    seq_from: u32,
    seq_to: u32,
    raw_bytes: usize,
}

impl View for Player {
    const TURN: Duration = Duration::from_millis(250);

    fn have(&mut self, batches: &[Watched]) -> anyhow::Result<Vec<Option<Instant>>> {
        batches
            .iter()
            .map(|batch| Ok(self.plays(batch)?.then(Instant::now)))
            .collect()
    }
}

impl Player {
    fn plays(&mut self, batch: &Watched) -> anyhow::Result<bool> {
        let replay = format!("/v1/replays/{}", batch.session_id);
        let answer = self.0.get(&replay)?;
        // Not yet: the session is unknown, or without frames.
        if answer.status == 404 {
            return Ok(false);
        }
        anyhow::ensure!(answer.status == 200, "{replay}: {}", answer.status);
        let manifest: Manifest = serde_json::from_slice(&answer.body)?;
        let holds =
            |frame: &&Frame| frame.tab == batch.tab && (frame.seq_from..=frame.seq_to).contains(&batch.seq);
        let Some(frame) = manifest.frames.iter().find(holds) else {
            return Ok(false);
        };
        let read = self.0.get(&format!("{replay}/frames/{}", frame.frame))?;
        anyhow::ensure!(read.status == 200, "frame {}: {}", frame.frame, read.status);
        anyhow::ensure!(
            read.body.len() == frame.raw_bytes,
            "frame {} is not whole",
            frame.frame
        );
        Ok(true)
    }
}

/// Where the time of ranges went, as a process sums it up: (materializer, stage, mean in ms).
pub fn stages(metrics: &str) -> Vec<(String, String, f64)> {
    let of = |line: &str, what: &str| {
        let labels = line.strip_prefix("hindsight_lane_stage_seconds_")?;
        let (labels, value) = labels.strip_prefix(what)?.split_once("} ")?;
        let label = |name: &str| {
            let value = labels.split_once(&format!("{name}=\""))?.1;
            Some(value.split_once('"')?.0.to_owned())
        };
        Some((
            label("materializer")?,
            label("stage")?,
            value.parse::<f64>().ok()?,
        ))
    };
    let all = |what: &str| -> Vec<_> { metrics.lines().filter_map(|line| of(line, what)).collect() };
    let counts = all("count");
    let sums = all("sum").into_iter();
    let means = sums.filter_map(|(materializer, stage, seconds)| {
        let count = counts.iter().find(|of| of.0 == materializer && of.1 == stage)?.2;
        (count > 0.0).then(|| (materializer, stage, 1e3 * seconds / count))
    });
    means.collect()
}

/// What a counter says of all materializers together.
pub fn counted(metrics: &str, name: &str) -> f64 {
    let lines = metrics
        .lines()
        .filter(|line| line.split_once('{').is_some_and(|(named, _)| named == name));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// All metrics of a process.
pub fn metrics(client: &mut Client) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&client.get("/metrics")?.body).into_owned())
}

/// Waits until every lane has done everything; how long that took.
pub fn drained(address: SocketAddr, token: &str, most: Duration) -> anyhow::Result<Duration> {
    let (mut client, started) = (Client::new(address, token), Instant::now());
    // The gauges are made about once a second: they must say it twice.
    let mut quiet = 0;
    while quiet < 2 {
        anyhow::ensure!(
            started.elapsed() < most,
            "the views did not catch up within {most:?}"
        );
        std::thread::sleep(Duration::from_millis(600));
        quiet = if lag(&mut client)? == 0 { quiet + 1 } else { 0 };
    }
    Ok(started.elapsed())
}

/// Records that the lanes have not done yet, of all views.
pub fn lag(client: &mut Client) -> anyhow::Result<u64> {
    Ok(counted(&metrics(client)?, "hindsight_lane_lag_records") as u64)
}
