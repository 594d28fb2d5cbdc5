//! The end-to-end benchmarks: `edge`, `views`, `memory` and `real`, each over a folder of recordings, each with a report of
//! its own. `make bench` runs the first three, `make bench-real` the last.

mod runs;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// As in the binary that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Benchmarks over HTTP; what each figure means is in benches/README.md.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Run {
    /// The edge alone, durable, at full speed.
    Edge(Over),
    /// The whole: at full speed, then paced, with batches watched on their way.
    Views(Views),
    /// The memory curve: a million events, and again with ClickHouse stopped.
    Memory(Memory),
    /// The roles over the real engines of infra/dev, each beside what its engine does without it.
    Real(Real),
    /// The roles over the real engines: memory while they are ten million events behind, and how long lanes stand when a
    /// process goes.
    Roles(Roles),
    /// What calls of the service clients cost: a report of what their own benchmarks found (`tools/bench-clients`).
    Clients {
        /// One JSON object a line.
        #[arg(long)]
        figures: PathBuf,
        /// Where the report goes.
        #[arg(long, default_value = "benches/results")]
        out: PathBuf,
    },
    /// The edge as a process of its own (what `edge` starts).
    #[command(hide = true)]
    ServeEdge {
        /// Of its log.
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Source {
    /// Folder of recordings: *.jsonl or *.jsonl.zst, one rrweb event a line.
    #[arg(long, env = "CORPUS", default_value = "samples/recordings")]
    corpus: PathBuf,
    /// Where the report goes.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
    /// Connections of the load generator.
    #[arg(long, default_value_t = 32)]
    connections: usize,
}

#[derive(Debug, Args)]
struct Over {
    #[command(flatten)]
    source: Source,
    /// How long each load lasts.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

#[derive(Debug, Args)]
struct Paced {
    #[command(flatten)]
    over: Over,
    /// The release binary.
    #[arg(long, env = "HINDSIGHT_BIN")]
    hindsight: PathBuf,
    /// Raw JSON a second, MB.
    #[arg(long, default_value_t = 30.0)]
    pace: f64,
}

#[derive(Debug, Args)]
struct Views {
    #[command(flatten)]
    paced: Paced,
    /// Silence after which a session is closed and compacted; the default of `up` is 150.
    #[arg(long, default_value_t = 150)]
    close_after: u64,
}

#[derive(Debug, Args)]
struct Memory {
    #[command(flatten)]
    paced: Paced,
    /// Events of each load.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
}

#[derive(Debug, Args)]
struct Real {
    #[command(flatten)]
    source: Source,
    /// Raw JSON that the log is filled with, MB.
    #[arg(long, default_value_t = 6_000)]
    megabytes: usize,
    /// Audit events that the other log is filled with.
    #[arg(long, default_value_t = 400_000)]
    audit_events: usize,
    /// A part alone; its report is `real-<part>`.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// What stands by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Everything about recordings: the edge, ClickHouse, segments, the rebuild, all views together.
    Recordings,
    /// Audit events to Elasticsearch.
    Audit,
    /// What intents cost.
    Intents,
}

#[derive(Debug, Args)]
struct Roles {
    #[command(flatten)]
    source: Source,
    /// Events in the log before a view begins.
    #[arg(long, default_value_t = 10_000_000)]
    lag_events: usize,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().run {
        Run::Edge(over) => runs::edge::run(&over),
        Run::Views(views) => runs::views::run(&views),
        Run::Memory(memory) => runs::memory::run(&memory),
        Run::Real(real) => runs::real::run(&real),
        Run::Roles(roles) => runs::real::run_roles(&roles),
        Run::Clients { figures, out } => runs::clients::run(&figures, &out),
        Run::ServeEdge { folder } => hindsight_benches::edge::serve(&folder),
    }
}
