//! Which faults come when: a pure function of the seed.
//!
//! **Invariant:** every kind comes once before any comes by chance, so that a short run meets each that fits in.

use std::time::Duration;

/// Faults of one round, about; then everything is drained and counted.
pub const FAULTS_OF_A_ROUND: usize = 8;
/// Between the starts of two faults.
const BETWEEN_MS: std::ops::Range<u64> = 200..4_000;
/// How long the network may be bad.
const WEATHER_MS: std::ops::Range<u64> = 500..9_000;
/// How long a frozen process stays so beyond its session time-out.
const BEYOND_MS: std::ops::Range<u64> = 1_000..5_000;
/// Passes of a failpoint before it acts.
const PASSES: std::ops::Range<u32> = 0..12;

/// Roles that take events in.
pub const INGEST: usize = 2;
/// Roles that make views.
pub const PROCESS: usize = 3;
/// Brokers.
pub const BROKERS: usize = 3;

/// A server that roles reach through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Link {
    /// One broker.
    Kafka(usize),
    /// Elasticsearch.
    Elasticsearch,
    /// The bucket.
    S3,
    /// ClickHouse.
    ClickHouse,
}

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// One that takes events in.
    Ingest(usize),
    /// One that makes views.
    Process(usize),
}

/// How the network is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Connections are cut.
    Cut,
    /// Every piece comes late.
    Delay,
    /// Nothing comes.
    Hang,
    /// The work is done and the answer lost.
    Lose,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// kill -9, and a new start.
    Kill(Target),
    /// SIGSTOP for longer than the session time-out, then SIGCONT.
    Freeze(usize, Duration),
    /// SIGTERM, drained, and a new start, one role after the other.
    Rolling,
    /// kill -9 of ClickHouse's server.
    KillClickHouse,
    /// kill -9 of a broker, which starts again after a while.
    KillBroker(usize, Duration),
    /// The network to a server is bad for a while.
    Network(Link, Trouble, Duration),
    /// ClickHouse's answers are lost for a while, and it has forgotten all tokens of inserts when they come again.
    Forgets(Duration),
    /// Elasticsearch answers with this status for a while.
    Busy(u16, Duration),
    /// Elasticsearch's indices are read-only for a while.
    ReadOnly(Duration),
    /// The data topics get a partition more.
    AddPartition,
    /// A session is erased while its batches are on their way.
    Erase,
    /// A process dies at a step between two others.
    Dies(Target, &'static str, u32),
    /// A process stands still at such a step for longer than its session time-out.
    Stands(usize, &'static str, u32),
}

/// A fault, and when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// After the round's begin.
    pub at: Duration,
    /// What.
    pub fault: Fault,
}

/// Steps of a lane, as its failpoints are named.
pub const LANE_STEPS: &[&str] = &[
    "lane-commit",
    "lane-committed",
    "lane-write",
    "lane-written",
    "lane-settle",
    "lane-settled",
    "analytics-read-back",
    "analytics-erase",
    "replay-index",
    "search-note",
];
/// Steps that come only where nobody knows what became of a write, or once for each partition that a process gets.
const RARE_STEPS: &[&str] = &[
    "lane-settle",
    "lane-settled",
    "analytics-read-back",
    "search-note",
];
/// Steps of the edge.
pub const EDGE_STEPS: &[&str] = &["edge-append", "edge-appended"];

/// The kinds, each drawn with its own figures.
const KINDS: &[fn(&mut fastrand::Rng) -> Fault] = &[
    |random| Fault::Kill(Target::Process(random.usize(..PROCESS))),
    |random| Fault::Freeze(random.usize(..PROCESS), ms(random, BEYOND_MS)),
    |random| Fault::Network(link(random), Trouble::Lose, ms(random, WEATHER_MS)),
    |_| Fault::KillClickHouse,
    |random| Fault::KillBroker(random.usize(..BROKERS), ms(random, WEATHER_MS)),
    |random| {
        let (step, passes) = step(random, LANE_STEPS);
        Fault::Dies(Target::Process(random.usize(..PROCESS)), step, passes)
    },
    |random| {
        let (step, passes) = step(random, LANE_STEPS);
        Fault::Stands(random.usize(..PROCESS), step, passes)
    },
    |_| Fault::Erase,
    |random| Fault::Network(link(random), Trouble::Cut, ms(random, WEATHER_MS)),
    |random| Fault::Network(link(random), Trouble::Hang, ms(random, WEATHER_MS)),
    |random| Fault::Network(link(random), Trouble::Delay, ms(random, WEATHER_MS)),
    |random| Fault::Forgets(ms(random, WEATHER_MS)),
    |random| Fault::Busy(if random.bool() { 429 } else { 503 }, ms(random, WEATHER_MS)),
    |random| Fault::ReadOnly(ms(random, WEATHER_MS)),
    |random| Fault::Kill(Target::Ingest(random.usize(..INGEST))),
    |random| {
        let (step, passes) = step(random, EDGE_STEPS);
        Fault::Dies(Target::Ingest(random.usize(..INGEST)), step, passes)
    },
    |_| Fault::AddPartition,
    |_| Fault::Rolling,
];
/// The last two are slow, and partitions never go: they come by chance half as often as the rest.
const SLOW: usize = 2;

/// The rounds of a run.
pub fn schedule(seed: u64, faults: usize) -> Vec<Vec<Planned>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut kinds: Vec<usize> = (0..KINDS.len()).collect();
    random.shuffle(&mut kinds);
    let all: Vec<Fault> = (0..faults)
        .map(|number| {
            let kind = kinds
                .get(number)
                .copied()
                .unwrap_or_else(|| by_chance(&mut random));
            KINDS[kind](&mut random)
        })
        .collect();
    let rounds = rounds_of(all);
    rounds
        .iter()
        .map(|faults| one_round(faults, &mut random))
        .collect()
}

/// Rounds, such that no process stands still between its look at the lease and its write while ClickHouse forgets: no guard
/// of ours can tell a write that was sent then from a first one.
fn rounds_of(all: Vec<Fault>) -> Vec<Vec<Fault>> {
    let (forgets, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|fault| matches!(fault, Fault::Forgets(_)));
    let mut rounds: Vec<Vec<Fault>> = others.chunks(FAULTS_OF_A_ROUND).map(<[_]>::to_vec).collect();
    let stands = |fault: &Fault| matches!(fault, Fault::Stands(..) | Fault::Freeze(..));
    for forget in forgets {
        let fit = rounds.iter_mut().filter(|round| !round.iter().any(stands));
        match fit.min_by_key(|round| round.len()) {
            Some(round) => round.push(forget),
            None => rounds.push(vec![forget]),
        }
    }
    rounds
}

fn by_chance(random: &mut fastrand::Rng) -> usize {
    let often = KINDS.len() - SLOW;
    match random.usize(..2 * often + SLOW) {
        drawn if drawn < 2 * often => drawn / 2,
        drawn => drawn - often,
    }
}

fn one_round(faults: &[Fault], random: &mut fastrand::Rng) -> Vec<Planned> {
    let mut at = Duration::ZERO;
    let mut plan = |fault: &Fault| {
        at += ms(random, BETWEEN_MS);
        let fault = fault.clone();
        Planned { at, fault }
    };
    faults.iter().map(&mut plan).collect()
}

fn ms(random: &mut fastrand::Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.u64(range))
}

/// A step, and how often it is passed before: of a rare step the first time counts.
fn step(random: &mut fastrand::Rng, steps: &[&'static str]) -> (&'static str, u32) {
    let step = steps[random.usize(..steps.len())];
    let passes = random.u32(PASSES);
    match RARE_STEPS.contains(&step) {
        true => (step, 0),
        false => (step, passes),
    }
}

fn link(random: &mut fastrand::Rng) -> Link {
    match random.u8(..4) {
        0 => Link::Kafka(random.usize(..BROKERS)),
        1 => Link::Elasticsearch,
        2 => Link::S3,
        _ => Link::ClickHouse,
    }
}

impl Fault {
    /// The name of its kind in figures.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill(_) => "kill",
            Self::Freeze(..) => "freeze",
            Self::Rolling => "rolling",
            Self::KillClickHouse => "clickhouse",
            Self::KillBroker(..) => "broker",
            Self::Network(_, Trouble::Cut, _) => "cut",
            Self::Network(_, Trouble::Delay, _) => "delay",
            Self::Network(_, Trouble::Hang, _) => "hang",
            Self::Network(_, Trouble::Lose, _) => "lose",
            Self::Forgets(_) => "forget",
            Self::Busy(..) => "busy",
            Self::ReadOnly(_) => "read-only",
            Self::AddPartition => "partition",
            Self::Erase => "erase",
            Self::Dies(..) => "dies",
            Self::Stands(..) => "stands",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_schedule_is_its_seed() {
        assert_eq!(schedule(7, 60), schedule(7, 60));
        assert_ne!(schedule(7, 60), schedule(8, 60));
        assert_eq!(schedule(7, 60).iter().map(Vec::len).sum::<usize>(), 60);
    }

    #[test]
    fn nobody_stands_still_while_clickhouse_forgets() {
        for seed in 0..50 {
            let rounds = schedule(seed, 60);
            assert_eq!(rounds.iter().map(Vec::len).sum::<usize>(), 60);
            for round in rounds {
                let has = |kind: &str| round.iter().any(|planned| planned.fault.kind() == kind);
                assert!(
                    !has("forget") || !(has("stands") || has("freeze")),
                    "seed {seed}: {round:?}"
                );
            }
        }
    }

    #[test]
    fn each_kind_comes_before_chance_begins() {
        let kinds = |seed| -> BTreeSet<&str> {
            let faults = schedule(seed, KINDS.len()).concat();
            faults.iter().map(|planned| planned.fault.kind()).collect()
        };
        for seed in 0..20 {
            assert_eq!(kinds(seed).len(), 16, "seed {seed}");
        }
    }
}
