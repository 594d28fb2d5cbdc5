//! `hindsight dead-letters`: what the views refused, and the way back for it.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::SettingsArgs;
use crate::operate::letters::{LetterId, List, Listed, Outcome};
use crate::operate::{Place, PlaceArgs, Purpose, safe, table};
use crate::settings::Overrides;

/// List what the views refused and why, show a record, send it again.
#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(Ask),
    Show(Show),
    Resend(Resend),
}

/// All letters that are kept, oldest first, with what became of each.
#[derive(Debug, Args)]
struct Ask {
    /// As JSON: {"letters": [{"id", "view", "reason", "state", ...}], "left_out", "strange"}.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// One letter with its record, as JSON.
#[derive(Debug, Args)]
struct Show {
    /// As in the list: partition/offset.
    id: LetterId,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Send records again, each to the partition that it came from. What was sent already is not sent twice.
#[derive(Debug, Args)]
struct Resend {
    /// As in the list: partition/offset.
    #[arg(required = true)]
    ids: Vec<LetterId>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl DeadLetters {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            match self.command {
                Command::List(list) => list.run().await,
                Command::Show(show) => show.run().await,
                Command::Resend(resend) => resend.run().await,
            }
        })
    }
}

impl Ask {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings.load(Overrides::default())?.settings;
        let place = self.place.open(&settings, Purpose::Look).await?;
        let found = place.letters().await;
        place.close().await;
        let found = found?;
        if self.json {
            println!("{}", safe::json(&found)?);
        } else {
            print(&found);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings.load(Overrides::default())?.settings;
        let place = self.place.open(&settings, Purpose::Look).await?;
        let found = place.letter(self.id).await;
        place.close().await;
        let Some(letter) = found? else {
            bail!(
                "there is no letter {}: `hindsight dead-letters list` has those that are kept",
                self.id
            );
        };
        println!("{}", safe::json(&letter)?);
        Ok(ExitCode::SUCCESS)
    }
}

impl Resend {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings.load(Overrides::default())?.settings;
        let place = self.place.open(&settings, Purpose::WithSegments).await?;
        let ended = self.each(&place).await;
        place.close().await;
        ended
    }

    async fn each(&self, place: &Place) -> anyhow::Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        for &id in &self.ids {
            match place.resend(id).await? {
                Outcome::Resent { offset } => println!("{id}  sent again, to offset {offset}"),
                Outcome::Already { offset } => println!("{id}  was sent again before, to offset {offset}"),
                Outcome::Refused { why } => {
                    eprintln!("hindsight: {id} is not sent again: {}", safe::line(&why));
                    code = ExitCode::FAILURE;
                }
            }
        }
        Ok(code)
    }
}

fn print(found: &List) {
    let rows: Vec<_> = found.letters.iter().map(row).collect();
    let head = [
        "LETTER",
        "VIEW",
        "REASON",
        "STATE",
        "RECORD",
        "REFUSED_AT",
        "DETAIL",
    ];
    table::print(head, &rows);
    if found.left_out > 0 {
        println!("{} older letters are kept and not listed", found.left_out);
    }
    if found.strange > 0 {
        println!("{} records of the topic are no letters", found.strange);
    }
}

fn row(letter: &Listed) -> [String; 7] {
    let state = match &letter.refused_again_as {
        Some(id) => format!("{}: {id}", letter.state.as_str()),
        None => letter.state.as_str().to_owned(),
    };
    [
        letter.id.clone(),
        safe::line(&letter.view),
        safe::line(&letter.reason),
        state,
        format!("{}@{}", letter.partition, letter.offset),
        letter.refused_at.clone(),
        safe::line(&letter.detail),
    ]
}
