//! `hindsight lag`: how far is each view behind the log?

use std::process::ExitCode;

use clap::Args;

use super::SettingsArgs;
use crate::operate::lag::LaneLag;
use crate::operate::{PlaceArgs, Purpose, table};
use crate::settings::Overrides;

/// Ends so where a limit is exceeded.
const EXCEEDED: u8 = 8;

/// Show for each view and partition how far it is: position, end, records behind, age of the oldest that is missing.
///
/// Over an embedded log the process that runs on the data folder is asked; over Kafka the log itself, by the settings
/// file. It changes nothing.
///
/// Exit codes: 0 done, 8 a view is behind by more than --max-age, others as for all commands.
#[derive(Debug, Args)]
pub(crate) struct Lag {
    /// As JSON: [{"view", "topic", "partition", "position", "end", "behind", "lost", "age_ms"}].
    #[arg(long)]
    json: bool,
    /// End with 8 where a record has waited for longer.
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u64>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Lag {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings.load(Overrides::default())?.settings;
        let lanes = tokio::runtime::Runtime::new()?.block_on(async {
            let place = self.place.open(&settings, Purpose::Look).await?;
            let lanes = place.lag().await;
            place.close().await;
            lanes
        })?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&lanes)?);
        } else {
            print(&lanes);
        }
        Ok(self.judged(&lanes))
    }

    fn judged(&self, lanes: &[LaneLag]) -> ExitCode {
        let oldest = lanes.iter().max_by_key(|lane| lane.age_ms);
        let Some((limit_s, lane, age_ms)) = self
            .max_age
            .zip(oldest)
            .and_then(|(limit_s, lane)| Some((limit_s, lane, lane.age_ms?)))
        else {
            return ExitCode::SUCCESS;
        };
        if u64::try_from(age_ms).unwrap_or(0) <= limit_s.saturating_mul(1000) {
            return ExitCode::SUCCESS;
        }
        eprintln!(
            "hindsight: a record of {}/{} has waited {} s for {}, over --max-age {limit_s}; /health/ready and the log of \
             the process that makes the view say why",
            lane.topic,
            lane.partition,
            seconds(age_ms),
            lane.view
        );
        ExitCode::from(EXCEEDED)
    }
}

fn print(lanes: &[LaneLag]) {
    let rows: Vec<_> = lanes.iter().map(row).collect();
    table::print(["VIEW", "PARTITION", "POSITION", "END", "BEHIND", "AGE_S"], &rows);
    for lane in lanes.iter().filter(|lane| lane.lost > 0) {
        println!(
            "{} lacks {} offsets of {}/{} that retention took before it had them (log.retention_hours)",
            lane.view, lane.lost, lane.topic, lane.partition
        );
    }
}

fn row(lane: &LaneLag) -> [String; 6] {
    [
        lane.view.clone(),
        format!("{}/{}", lane.topic, lane.partition),
        lane.position.to_string(),
        lane.end.to_string(),
        lane.behind.to_string(),
        lane.age_ms.map_or_else(|| "-".to_owned(), seconds),
    ]
}

fn seconds(ms: i64) -> String {
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}
