//! What intents cost: commits a second, the time that a range waits for its commit, and the throughput of lanes with and
//! without them, at 8 and 64 lanes.
//!
//! The lanes are the real ones on the real broker, in this process, because only here the guard can be taken away. Their
//! sink takes time and nothing else: so many ranges at once, each for so long. **Invariant:** with and without are the
//! same in all else and run in turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hindsight_benches::report::Report;
use hindsight_benches::spread::{Spread, median};
use hindsight_engines::log::kafka::KafkaLog;
use hindsight_engines::log::{Commit, Committed, EventLog, NewRecord, Polled, Route};
use hindsight_processors::delivery::lane::{Guards, LaneSettings};
use hindsight_processors::delivery::{ByteBudget, DeliveryHandle, DeliverySettings, start};
use hindsight_schemas::ids::{Partition, Topic};
use tokio::task::JoinSet;

use super::sink::Sink;
use super::stage::Stage;

const LANES: [u32; 2] = [8, 64];
/// Paced: each lane gets a record so often, for so long.
const PERIOD: Duration = Duration::from_millis(200);
const PACED: Duration = Duration::from_secs(12);
/// Backlogs: ranges of all lanes together, and of how many runs the median counts.
const RANGES: u32 = 512;
const RUNS: usize = 3;
/// How long the sink takes for a range, and how many it takes at once where it is shared.
const WRITE: Duration = Duration::from_millis(40);
const AT_ONCE: usize = 4;
const BARE_COMMITS: Duration = Duration::from_secs(2);
const JOINED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const SHARE_BYTES: usize = 64 << 20;

pub(super) fn run(stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    report.note(format!(
        "intents: a sink that takes {} ms for a range; paced: a record each {} ms in each lane for {} s; full log: {RANGES} ranges of one record, the median of {RUNS} runs with and without in turn",
        WRITE.as_millis(),
        PERIOD.as_millis(),
        PACED.as_secs()
    ));
    for lanes in LANES {
        let paced = Bench::new(stage.log(&format!("paced-{lanes}"), lanes)?, lanes);
        stage.wait(wait_for_intents(paced, report))?;
        let full = Bench::new(stage.log(&format!("full-{lanes}"), lanes)?, lanes);
        stage.wait(throughput(full, report))?;
    }
    Ok(())
}

/// How long a range waits for its intent.
async fn wait_for_intents(mut bench: Bench, report: &mut Report) -> anyhow::Result<()> {
    let with = bench.paced(true).await?;
    let without = bench.paced(false).await?;
    let (lanes, samples) = (bench.lanes, with.samples);
    for (share, with, without) in [("p50", with.p50, without.p50), ("p99", with.p99, without.p99)] {
        let name =
            format!("{lanes} lanes, paced: a converted range waits for its write, {share} of {samples}");
        report.row(name, with, "ms").beside("without intents", without);
        let name = format!("{lanes} lanes, paced: added by intents, {share}");
        let added = report.row(name, with - without, "ms");
        if lanes == 64 && share == "p99" {
            added.to_reach("under 20");
        }
    }
    Ok(())
}

/// How many ranges go through lanes that have them all before them.
async fn throughput(mut bench: Bench, report: &mut Report) -> anyhow::Result<()> {
    let lanes = bench.lanes;
    bench.fill().await?;
    let bare = bench.bare_commits()?;
    let most = bench
        .full(Sink::new(Duration::ZERO, lanes as usize), true)
        .await?;
    report
        .row(
            format!("{lanes} lanes, full log, a sink of no time: intents won"),
            most,
            "commits/s",
        )
        .beside("a bare loop that commits all partitions in each request", bare);
    let shared = bench.with_and_without(AT_ONCE).await?;
    report
        .row(
            format!("{lanes} lanes, full log, a sink that they share"),
            shared.0,
            "ranges/s",
        )
        .beside("without intents", shared.1)
        .to_reach("at least 0.98 of it");
    let own = bench.with_and_without(lanes as usize).await?;
    report
        .row(
            format!("{lanes} lanes, full log, a sink for each"),
            own.0,
            "ranges/s",
        )
        .beside("without intents", own.1);
    Ok(())
}

/// Lanes on one log.
struct Bench {
    log: Arc<KafkaLog>,
    lanes: u32,
    /// Of the last view: each has a group of its own, and begins at the first record.
    generation: u32,
}

impl Bench {
    fn new(log: Arc<KafkaLog>, lanes: u32) -> Self {
        Self {
            log,
            lanes,
            generation: 0,
        }
    }

    fn start(&mut self, sink: Sink, intent: bool) -> anyhow::Result<(Arc<Sink>, DeliveryHandle)> {
        self.generation += 1;
        let sink = Arc::new(sink.of_view(self.generation));
        let guards = Guards {
            intent,
            ..Guards::default()
        };
        let settings = DeliverySettings {
            lane: LaneSettings {
                guards,
                ..LaneSettings::default()
            },
            ..DeliverySettings::default()
        };
        let share = ByteBudget::new(SHARE_BYTES).share("intents", SHARE_BYTES)?;
        let handle = start(self.log.clone(), sink.clone(), share, settings)?;
        Ok((sink, handle))
    }

    /// How long converted ranges wait until they are written, at a pace.
    async fn paced(&mut self, intent: bool) -> anyhow::Result<Spread> {
        let (sink, handle) = self.start(Sink::new(WRITE, self.lanes as usize), intent)?;
        // The first records show that all lanes run, and don't count.
        self.append_to_all().await?;
        sink.until(self.appended().await?).await?;
        sink.forget();
        let mut appends = JoinSet::new();
        let mut due = tokio::time::interval(PERIOD / self.lanes);
        let started = Instant::now();
        let mut partitions = (0..self.lanes).cycle();
        while started.elapsed() < PACED {
            due.tick().await;
            let (log, partition) = (self.log.clone(), partitions.next().unwrap_or_default());
            appends.spawn(async move { log.append(vec![record(partition)]).await });
            while let Some(ended) = appends.try_join_next() {
                ended??;
            }
        }
        while let Some(ended) = appends.join_next().await {
            ended??;
        }
        sink.until(self.appended().await?).await?;
        handle.stop().await;
        Ok(Spread::of_times(&sink.waited()))
    }

    /// Ranges a second over the whole log, with intents and without, of a sink that takes so many at once.
    async fn with_and_without(&mut self, at_once: usize) -> anyhow::Result<(f64, f64)> {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            with.push(self.full(Sink::new(WRITE, at_once), true).await?);
            without.push(self.full(Sink::new(WRITE, at_once), false).await?);
        }
        Ok((median(&with), median(&without)))
    }

    /// Ranges a second over the whole log.
    async fn full(&mut self, sink: Sink, intent: bool) -> anyhow::Result<f64> {
        let (sink, handle) = self.start(sink, intent)?;
        let all = self.appended().await?;
        sink.until(all).await?;
        handle.stop().await;
        Ok(sink.per_second())
    }

    async fn append_to_all(&self) -> anyhow::Result<()> {
        self.log.append((0..self.lanes).map(record).collect()).await?;
        Ok(())
    }

    /// Adds a range for each lane until there are enough.
    async fn fill(&self) -> anyhow::Result<()> {
        while self.appended().await? < u64::from(RANGES) {
            self.append_to_all().await?;
        }
        Ok(())
    }

    /// All records of the log: each is a range.
    async fn appended(&self) -> anyhow::Result<u64> {
        let mut all = 0;
        for partition in 0..self.lanes {
            all += self.log.offsets(place(partition)).await?.1;
        }
        Ok(all)
    }

    /// Commits of single partitions a second, where nothing else is done.
    fn bare_commits(&self) -> anyhow::Result<f64> {
        let mut consumer = self.log.consumer("bare", &[Topic::Recordings])?;
        let started = Instant::now();
        let mut held = Vec::new();
        while held.len() < self.lanes as usize {
            anyhow::ensure!(started.elapsed() < JOINED_WITHIN, "the group gave {held:?}");
            for polled in consumer.poll(LOOK_EVERY)? {
                if let Polled::Assigned(partitions) = polled {
                    held.extend(partitions);
                }
            }
        }
        let commits: Vec<Commit> = held.into_iter().map(commit).collect();
        let (started, mut requests) = (Instant::now(), 0_u32);
        while started.elapsed() < BARE_COMMITS {
            consumer.commit(&commits)?;
            requests += 1;
        }
        Ok(f64::from(requests * self.lanes) / started.elapsed().as_secs_f64())
    }
}

fn place(partition: u32) -> Partition {
    Partition {
        topic: Topic::Recordings,
        partition,
    }
}

fn record(partition: u32) -> NewRecord {
    NewRecord {
        topic: Topic::Recordings,
        to: Route::Partition(partition),
        key: Bytes::new(),
        value: Some(Bytes::from_static(b"a range")),
        headers: Vec::new(),
    }
}

/// As long as an intent.
fn commit(partition: Partition) -> Commit {
    let committed = Committed {
        offset: 0,
        metadata: "bare ".repeat(8),
    };
    Commit { partition, committed }
}
