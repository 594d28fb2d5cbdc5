//! Watches single batches on their way: from the 202 to the row that a statement finds, and to the frame that plays.
//!
//! Two threads, each after one batch at a time, ask in turns of [`ASK_EVERY`] as an analyst and a player would, through
//! the public doors; a figure is at most one turn too long. Then each takes the batch that was answered last, so that
//! asking costs little and waits for nothing else. **Bound:** a batch that isn't there after [`GIVE_UP`] ends the run
//! as a failure.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::client::Client;
use crate::load::Watched;

/// The pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(100);
const GIVE_UP: Duration = Duration::from_secs(120);

/// Tells whether a batch has arrived.
trait View {
    fn has(&mut self, batch: &Watched) -> anyhow::Result<bool>;
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

/// Follows one batch after the other until the generator has gone.
fn follow(mut view: impl View, told: &Receiver<Watched>) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    while let Ok(next) = told.recv() {
        let batch = told.try_iter().last().unwrap_or(next);
        while !view.has(&batch)? {
            let waited = batch.answered.elapsed();
            anyhow::ensure!(waited < GIVE_UP, "{batch:?} did not arrive");
            std::thread::sleep(ASK_EVERY);
        }
        times.push(batch.answered.elapsed());
    }
    Ok(times)
}

struct Table(Client);

impl View for Table {
    fn has(&mut self, batch: &Watched) -> anyhow::Result<bool> {
        let Watched {
            session_id, tab, seq, ..
        } = batch;
        let statement = format!(
            "SELECT count() FROM batches WHERE session_id = '{session_id}' AND tab = '{tab}' AND seq = {seq} FORMAT TSV"
        );
        let answer = self.0.post("/v1/sql", statement.as_bytes())?;
        let text = String::from_utf8_lossy(&answer.body);
        anyhow::ensure!(answer.status == 200, "/v1/sql: {} {text}", answer.status);
        Ok(text.trim() == "1")
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
    fn has(&mut self, batch: &Watched) -> anyhow::Result<bool> {
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
    let answer = client.get("/metrics")?;
    let text = String::from_utf8_lossy(&answer.body);
    let lines = text.lines().filter(|line| line.starts_with("hindsight_lane_lag"));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    Ok(values.sum::<f64>() as u64)
}
