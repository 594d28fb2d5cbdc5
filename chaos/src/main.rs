//! `chaos`: breaks a whole installation again and again, and counts what is missing or double.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use hindsight_chaos::campaign::{Guard, run};

const AFTER_HELP: &str = "\
What runs: three Kafka brokers, Elasticsearch, S3 and ClickHouse as infra/dev starts them; two `hindsight ingest`, three
`hindsight process`, one `hindsight serve`, which reach the engines through proxies. What happens: rounds of eight faults
under load; then all lanes are drained, and what each engine holds is compared with the log and with what was answered
202, by identity and by position. docs/chaos.md says what each fault is.

The same seed gives the same faults at the same times. What they meet is up to the machine, so a red seed is worth
repeating more than once.

Progress goes to stderr. The last line, on stdout, has the figures.

Exit codes: 0 all adds up, 1 something is missing, double or not as it was sent, 2 the run could not be ended.
With 1 and 2 the folder with all logs stays, and its place is told.";

/// Breaks a whole installation again and again under load, and counts what is missing or double.
#[derive(Debug, Parser)]
#[command(name = "chaos", version, after_help = AFTER_HELP)]
struct Cli {
    /// Decides which faults come when, and what writers send.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many faults.
    #[arg(long, default_value_t = 25)]
    faults: usize,
    /// Takes a safeguard of the lanes away, to see that it is needed: such a run ought to end with 1.
    #[arg(long, value_name = "GUARD")]
    without: Option<Guard>,
    /// Keeps data and logs here, also where all adds up [default: a temporary folder].
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (folder, is_ours) = match &cli.folder {
        Some(folder) => (folder.clone(), false),
        None => (temporary(), true),
    };
    if let Err(error) = std::fs::create_dir_all(&folder) {
        eprintln!("{} can't be made: {error}", folder.display());
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("threads can be started");
    let place = folder.clone();
    // On a task of its own, so that a panic is an error like others and everything it started ends.
    let running = runtime.spawn(async move {
        tokio::select! {
            ended = run(&place, cli.seed, cli.faults, cli.without) => ended,
            () = stopped() => Err(anyhow::anyhow!("it was stopped")),
        }
    });
    let ended = runtime.block_on(running);
    let code = match ended {
        Ok(Ok(figures)) => {
            println!("{figures}");
            if figures.findings.is_clean() { 0 } else { 1 }
        }
        Ok(Err(error)) => {
            eprintln!("the run could not be ended: {error:#}");
            2
        }
        Err(error) => {
            eprintln!("the run was cut short: {error}");
            2
        }
    };
    if code == 0 && is_ours {
        // What can't be removed is left to whoever cleans temporary folders.
        let _ = std::fs::remove_dir_all(&folder);
    } else {
        eprintln!("logs and data: {}", folder.display());
    }
    ExitCode::from(code)
}

/// SIGINT or SIGTERM: what runs ends with the run.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let asked = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    let [mut interrupted, mut terminated] = asked.map(|asked| asked.expect("signals can be listened to"));
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
}

fn temporary() -> PathBuf {
    let made = tempfile::Builder::new().prefix("hindsight-chaos-").tempdir();
    made.expect("the temporary folder can be written").keep()
}
